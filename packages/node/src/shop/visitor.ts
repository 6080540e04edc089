/** The shop's fields in a session, and the visitor that they describe. */
import assert from 'node:assert/strict'
import type Koa from 'koa'
import type { KoaSession } from '@ninelives/sessions'
import type { Marker } from './moves.ts'
import type { Cart } from './cart.ts'
import { RequestError } from '../errors.ts'

/** A session's fields; all are absent in a new one. */
export interface ShopFields {
  /** The name of the account that is logged in. */
  user?: string
  cart?: Cart
  count?: number
  floor?: Marker
  /** Padding. */
  padding?: string
}

export function shopFields(session: Record<string, unknown>): ShopFields {
  return session
}

/** The visitor's session, or a new one that is not stored yet. */
export function sessionOf(ctx: Koa.Context): KoaSession {
  assert(ctx.session, 'a session is null only for the rest of the request that discarded it')
  return ctx.session
}

/** The session of a logged-in user; throws a 401 otherwise. */
export function loggedIn(ctx: Koa.Context): { session: KoaSession; user: string } {
  const session = sessionOf(ctx)
  const { user } = shopFields(session)
  if (user === undefined) throw notLoggedIn()
  return { session, user }
}

/** For use inside an update, whose draft may be newer than the session that the request read. */
export function assertStill(user: string, draft: ShopFields): void {
  if (draft.user !== user) throw notLoggedIn()
}

function notLoggedIn(): RequestError {
  return new RequestError(401, 'NOT_LOGGED_IN', 'Log in first.')
}
