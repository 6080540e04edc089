/**
 * Login, logout, and who am I.
 *
 * A login never keeps a session id that an attacker may have planted in this browser, and never gives one user's session to
 * another:
 *
 * - a visitor's session keeps its contents, and gets another id as it gets a user: the session layer does that;
 * - the same user's session gets another id, as for every re-authentication;
 * - another user's session ends, and a new one begins under a new id.
 *
 * The user of the stored session is checked inside `update`, on the record at that instant. If two tabs log in concurrently as two
 * users, a merge of their fields would put both into one session.
 */
import { randomBytes } from 'node:crypto'
import type Router from '@koa/router'
import type Koa from 'koa'
import { type KoaSession, type LoginThrottle, LoginThrottledError } from '@ninelives/sessions'
import type { Account, Accounts } from '../shop/accounts.ts'
import { fields, jsonBody } from '../request/body.ts'
import { RequestError } from '../errors.ts'
import type { RequestState } from '../request.ts'
import type { NodeTelemetry } from '../store/telemetry.ts'
import { sessionOf, shopFields } from '../shop/visitor.ts'

export interface LoginOptions {
  readonly node: string
  readonly accounts: Accounts
  /** Undefined: guesses are not limited. */
  readonly throttle: LoginThrottle | undefined
  readonly once: Koa.Middleware
  /** The same, but the payload is not kept, as it has the password. */
  readonly onceWithoutPayload: Koa.Middleware
  /** As in ShopOptions. */
  readonly paddingBytes: number
  /** Called with the result of each attempt, after the password check or the throttle's refusal. */
  readonly onLogin: NodeTelemetry['login']
}

const NAME_LENGTH_MAX = 64
const PASSWORD_LENGTH_MAX = 256

export function loginRoutes(
  router: Router<RequestState>,
  { node, accounts, throttle, once, onceWithoutPayload, paddingBytes, onLogin }: LoginOptions,
): void {
  router.post('/api/login', jsonBody(), onceWithoutPayload, async (ctx) => {
    const { name, password } = checkedCredentials(ctx.request.body)
    const { requestId } = ctx.state
    const about = { requestId, address: ctx.ip, user: accounts.find(name)?.name }
    const account = await attempted(throttle, name, ctx.ip, () => accounts.verify(name, password)).catch(
      (error: unknown) => {
        if (error instanceof LoginThrottledError) onLogin({ outcome: 'throttled', ...about })
        throw error
      },
    )
    onLogin({ outcome: account === undefined ? 'refused' : 'accepted', ...about })
    if (account === undefined) {
      throw new RequestError(401, 'WRONG_CREDENTIALS', 'There is no account with this name and this password.')
    }
    const session = sessionOf(ctx)
    switch (session.isNew ? 'claimed' : await claim(session, account.name)) {
      case 'claimed':
        shopFields(session).user = account.name
        break
      case 'theirs-already':
        await session.regenerate()
        break
      case 'of-another':
        ctx.session = null
        ctx.session = { user: account.name }
    }
    if (paddingBytes > 0) shopFields(sessionOf(ctx)).padding = padding(paddingBytes)
    ctx.body = { user: account.name, displayName: account.displayName, node }
  })

  router.post('/api/logout', once, (ctx) => {
    ctx.session = null
    ctx.status = 204
  })

  router.get('/api/session', (ctx) => {
    const { user } = shopFields(sessionOf(ctx))
    const info = ctx.sessionInfo
    if (user === undefined || info === undefined) {
      ctx.body = { authenticated: false, node }
      return
    }
    ctx.body = {
      authenticated: true,
      user,
      displayName: accounts.find(user)?.displayName ?? user,
      node,
      version: info.version,
      createdAt: new Date(info.createdAtMs).toISOString(),
      expiresAt: new Date(info.expiresAtMs).toISOString(),
    }
  })
}

/** Counts the attempt before the password is checked, so that a burst can't pass the limit. */
async function attempted(
  throttle: LoginThrottle | undefined,
  name: string,
  address: string,
  verify: () => Promise<Account | undefined>,
): Promise<Account | undefined> {
  const attempt = await throttle?.check(name, address)
  try {
    const account = await verify()
    if (account !== undefined) await attempt?.succeeded()
    return account
  } catch (error) {
    await attempt?.withdraw()
    throw error
  }
}

/** Random, so that a store can't compress it. */
function padding(bytes: number): string {
  return randomBytes(bytes).toString('base64').slice(0, bytes)
}

/** Sets the user of a session without one; a session with a user is not changed. */
function claim(session: KoaSession, name: string): Promise<'claimed' | 'theirs-already' | 'of-another'> {
  return session.update('login', (draft) => {
    const fields = shopFields(draft)
    if (fields.user !== undefined) return fields.user === name ? 'theirs-already' : 'of-another'
    fields.user = name
    return 'claimed'
  })
}

function checkedCredentials(body: unknown): { name: string; password: string } {
  const { name, password } = fields(body)
  return {
    name: checkedText('name', name, NAME_LENGTH_MAX),
    password: checkedText('password', password, PASSWORD_LENGTH_MAX),
  }
}

function checkedText(field: string, value: unknown, lengthMax: number): string {
  if (typeof value === 'string' && value.length >= 1 && value.length <= lengthMax) return value
  throw new RequestError(422, 'BAD_CREDENTIALS', `${field} is a text of 1 to ${lengthMax} characters.`)
}
