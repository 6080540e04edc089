/** What the shop keeps in a session, and who the visitor is by it. */
import assert from 'node:assert/strict'
import type Koa from 'koa'
import type { KoaSession } from '@ninelives/sessions'
import type { Cart } from './cart.ts'
import { RequestError } from '../errors.ts'

/** A session's fields, all of them absent in a new one. */
export interface ShopFields {
  /** The name of the account that is logged in. */
  user?: string
  cart?: Cart
  count?: number
  /** Of no use but its size. */
  padding?: string
}

export function shopFields(session: Record<string, unknown>): ShopFields {
  return session
}

/** The visitor's session, or one just begun that nothing is stored of yet. */
export function sessionOf(ctx: Koa.Context): KoaSession {
  assert(ctx.session, 'a session is null only for the rest of the request that discarded it')
  return ctx.session
}

/** The session of someone who is logged in; anybody else is turned away. */
export function loggedIn(ctx: Koa.Context): { session: KoaSession; user: string } {
  const session = sessionOf(ctx)
  const { user } = shopFields(session)
  if (user === undefined) throw notLoggedIn()
  return { session, user }
}

/** For the inside of an update, where the draft may be newer than what the request began with. */
export function assertStill(user: string, draft: ShopFields): void {
  if (draft.user !== user) throw notLoggedIn()
}

function notLoggedIn(): RequestError {
  return new RequestError(401, 'NOT_LOGGED_IN', 'Log in first.')
}
