/** What one request knows of its session, kept on Koa's context and nowhere else. */
import type Koa from 'koa'
import type { CarriedRequest } from '../carrier.ts'
import type { Presented, RequestAdoption } from './adoption.ts'
import type { Engine } from '../engine/engine.ts'
import { type SessionError, SessionTooEarlyError } from '../errors.ts'
import type { Fingerprint, FingerprintedRequest } from '../idempotency/fingerprint.ts'
import { type OneAtATime, oneAtATime } from '../engine/one-at-a-time.ts'
import type { BareSession } from './koa-session-fields.ts'
import type { OpenSession, SessionInfo } from '../engine/session.ts'

/**
 * What the request has done with its session.
 *
 * - `untouched`: it was opened, and the handler has not looked at it: koa-session's object is still empty.
 * - `used`: the handler has looked at it or set it, or there is none yet.
 * - `cleared`: the handler has set `ctx.session = null`.
 * - `ended`: that was carried out, and the client may forget its cookie.
 */
type SessionUse = 'untouched' | 'used' | 'cleared' | 'ended'

export interface RequestState {
  readonly engine: Engine
  /** Whether its cookie is for https only. */
  readonly secure: boolean
  /** The client's user agent. */
  readonly device: string
  /** Where the client is, as Koa tells it. */
  readonly addressOf: () => string
  /** What the client sent, if it was sealed by us or names an old session. */
  presented: Presented | undefined
  /** The other such cookies: one of these counts where the one before it has no session. */
  readonly alsoPresented: readonly Presented[]
  /** Where sessions of other software are adopted. */
  readonly adoption: RequestAdoption | undefined
  /** Opened from the cookie, or begun by the first change of a client that has none. */
  session: OpenSession | undefined
  /** The answer takes the old software's cookies back: nothing needs them any more. */
  isOldCookieOver: boolean
  /** Let go by `ctx.session = null`, and to be destroyed even if another session was begun after it. */
  discarded: OpenSession | undefined
  /** That has been done. */
  hasEndedDiscarded: boolean
  use: SessionUse
  /** How far the handler is, when the request carries an idempotency key. */
  keyed: KeyedState | undefined
  /** What is to be done to a session that this request begins. */
  onBegin: ((session: OpenSession) => void) | undefined
  /** The last commit wrote the session, so that its id is the newest. */
  hasJustWritten: boolean
  /** What the handler asked for and is not done yet: with `autoCommit: false` nothing else is written. */
  explicitCommits: number
  /** `save()` was called: the session is stored even if there is nothing in it. */
  isToBegin: boolean
  /** Where sessions travel in their cookies: this request's. */
  readonly carried: CarriedRequest | undefined
  /** The session as the client's cookie has it. */
  opened: SessionInfo | undefined
  /** For what commits the session: each reads the handler's fields as the one before left them. */
  readonly inTurn: OneAtATime
  readonly fingerprint: (request: FingerprintedRequest) => Fingerprint
  /** Gives the client the session's id, if it is another than it sent. */
  readonly sendCookie: () => Promise<void>
  /** Why the session is not what is stored now; it may be looked at, and a change of it fails with this. */
  outage: SessionError | undefined
}

/** Fields are saved once the handler has answered; those of one that failed are not, because the request may come again. */
interface KeyedState {
  phase: 'running' | 'answered' | 'failed'
  /** The key is not a balancer's. */
  readonly isClients: boolean
  readonly headersBefore: Readonly<Record<string, unknown>>
}

type Begun = Pick<
  RequestState,
  | 'engine'
  | 'carried'
  | 'secure'
  | 'device'
  | 'addressOf'
  | 'presented'
  | 'alsoPresented'
  | 'adoption'
  | 'fingerprint'
  | 'sendCookie'
>

/** As a request begins: nothing is read yet. */
export function newState(begun: Begun): RequestState {
  return {
    ...begun,
    session: undefined,
    isOldCookieOver: false,
    discarded: undefined,
    hasEndedDiscarded: false,
    use: 'used',
    keyed: undefined,
    onBegin: undefined,
    hasJustWritten: false,
    explicitCommits: 0,
    isToBegin: false,
    opened: undefined,
    inTurn: oneAtATime(),
    outage: undefined,
  }
}

export const STATE = Symbol('ninelives session')

/** The session that was handed out before the session layer's turn: an empty one, which must have stayed so. */
export const EARLY = Symbol('ninelives early session')

export type StatefulContext = Koa.Context & { [STATE]?: RequestState | 'not needed'; [EARLY]?: BareSession }

export function stateOf(ctx: StatefulContext): RequestState {
  const state = known(ctx)
  if (state === undefined) throw new SessionTooEarlyError()
  return state
}

/** Undefined before the session layer's turn, and where it has none. */
export function known(ctx: StatefulContext): RequestState | undefined {
  const state = ctx[STATE]
  return state === 'not needed' ? undefined : state
}

/** The option `needed` says so: to look at `ctx.session` is an error. */
export function needsNoSession(ctx: StatefulContext): boolean {
  return ctx[STATE] === 'not needed'
}

/** Https may end at a balancer in front; that the cookie is for https only is the configuration's word. */
export function allowCookie(ctx: StatefulContext): void {
  if (stateOf(ctx).secure) ctx.cookies.secure = true
}

export function sessionOf(state: RequestState): OpenSession {
  if (state.session !== undefined) return state.session
  state.session = state.engine.create(state.device, state.addressOf())
  state.onBegin?.(state.session)
  return state.session
}

/** Prepares the request's session, and any that it begins later. */
export function prepareSession(state: RequestState, prepare: (session: OpenSession) => void): void {
  state.onBegin = prepare
  if (state.session !== undefined) prepare(state.session)
}

/** Ends what `ctx.session = null` has let go, before another session takes its place. */
export async function endDiscarded(state: RequestState): Promise<void> {
  if (state.discarded === undefined || state.hasEndedDiscarded) return
  await endOldSession(state)
  await state.discarded.destroy()
  state.hasEndedDiscarded = true
}

/** Before ours ends: where that fails, the request can be sent again, and finds its session. */
export async function endOldSession(state: RequestState): Promise<void> {
  if (state.adoption === undefined) return
  await state.adoption.endOld()
  state.isOldCookieOver = true
}

/** For what would change the session: there is no changing one that can't be read. */
export function refuseInOutage({ outage }: RequestState): void {
  if (outage !== undefined) throw outage
}
