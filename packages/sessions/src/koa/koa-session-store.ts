/**
 * What koa-session takes for a store: made anew for each request, it knows the request's own state, and turns "get, set,
 * destroy" into opening, committing, rotating and ending.
 */
import type { SessionData } from '../record/data.ts'
import { RecordUnreadableError, StoreUnavailableError } from '../errors.ts'
import { answerOf } from './idempotency.ts'
import type { SessionsOptions } from './koa-options.ts'
import { hasMethods, SessionOptionsError } from '../options.ts'
import {
  allowCookie,
  endDiscarded,
  endOldSession,
  refuseInOutage,
  type RequestState,
  sessionOf,
  type StatefulContext,
  stateOf,
} from './request-state.ts'
import type { OpenSession } from '../engine/session.ts'
import { type Endings, sessionEndings } from './koa-session-events.ts'
import { assignedFields, type BareSession, fieldsOf } from './koa-session-fields.ts'

/** koa-session's word for "save it, whether or not it has changed": what has changed is for the engine to tell. */
const TO_BE_SAVED = { _requireSave: true }
/** And for a session whose time is over; koa-session tells the application of it, and begins another. */
const HAS_EXPIRED = { _expire: 0 }

type StoreOptions = Pick<SessionsOptions, 'outage' | 'valid' | 'beforeSave' | 'autoCommit'>

/** The class that koa-session makes one of for each request. */
export function requestStore(options: StoreOptions): new (ctx: StatefulContext) => RequestStore {
  const endings = sessionEndings()
  return class extends RequestStore {
    constructor(ctx: StatefulContext) {
      super(ctx, options, endings)
    }
  }
}

class RequestStore {
  readonly #ctx: StatefulContext
  readonly #options: StoreOptions
  readonly #endings: Endings

  constructor(ctx: StatefulContext, options: StoreOptions, endings: Endings) {
    this.#ctx = ctx
    this.#options = options
    this.#endings = endings
  }

  async get(key: string): Promise<object | undefined> {
    const state = stateOf(this.#ctx)
    if (state.presented === undefined) return undefined
    const { outage = 'closed', valid } = this.#options
    try {
      state.session = await openPresented(state)
    } catch (error) {
      if (!(error instanceof StoreUnavailableError || error instanceof RecordUnreadableError)) throw error
      const policy = typeof outage === 'function' ? outage(this.#ctx) : outage
      if (policy === 'closed') throw error
      state.outage = error
      state.session = policy === 'read-only' ? state.engine.openLastKnown(state.presented.id) : undefined
    }
    const { session, presented, adoption } = state
    state.isOldCookieOver =
      presented.oldId !== undefined && state.outage === undefined && adoption?.keepsRecords === false
    state.opened = session?.info
    state.use = session === undefined ? 'used' : 'untouched'
    if (session === undefined) {
      const ended = this.#endings.takeExpired(key, state.engine.clock.now())
      return ended && { ...ended, ...HAS_EXPIRED }
    }
    this.#endings.see(this.#ctx, session)
    return valid === undefined ? TO_BE_SAVED : { ...session.take(), ...TO_BE_SAVED }
  }

  set(_key: string, fields: SessionData): Promise<void> {
    const state = stateOf(this.#ctx)
    const { isToBegin } = state
    state.isToBegin = false
    const { autoCommit = true, beforeSave } = this.#options
    // The session that the handler has let go of ends all the same.
    if (!autoCommit && state.explicitCommits === 0) return state.inTurn(() => endDiscarded(state))
    return state.inTurn(async () => {
      let mine = this.#fields(fields)
      const isEmpty = mine === undefined || Object.keys(mine).length === 0
      const isNothing = state.session === undefined && isEmpty && !isToBegin
      if (state.outage !== undefined) {
        const isChange = mine !== undefined && (state.session?.differs(mine) ?? true)
        if (isChange && !isNothing) refuseInOutage(state)
        return
      }
      await endDiscarded(state)
      // Looked at, and left empty: there is nothing to begin.
      if (isNothing) return
      const open = sessionOf(state)
      if (isToBegin) open.begin()
      if (beforeSave !== undefined && open.hasToWrite(mine)) {
        beforeSave(this.#ctx, this.#ctx.session)
        mine = this.#fields(fields)
      }
      const before = open.info?.version
      if (before === undefined && state.keyed?.phase === 'failed') return
      await open.commit(mine, () => answerOf(this.#ctx, state))
      state.hasJustWritten = open.info?.version !== before
      await state.sendCookie()
      this.#endings.see(this.#ctx, open)
    })
  }

  async destroy(): Promise<void> {
    const state = stateOf(this.#ctx)
    refuseInOutage(state)
    // koa-session takes the cookie back after this.
    allowCookie(this.#ctx)
    if ((this.#ctx.session as object | null) !== null) {
      state.session?.rotate()
      return
    }
    await endDiscarded(state)
    await endOldSession(state)
    await state.session?.destroy()
    if (state.session !== undefined) this.#endings.forget(state.session)
    else if (state.presented !== undefined) await state.engine.tellEndedBefore(state.presented.id)
    state.use = 'ended'
  }

  /** The handler's fields as they are by now: an update that was under way has brought in what it found. */
  #fields(handed: SessionData): SessionData | undefined {
    const { use, keyed } = stateOf(this.#ctx)
    // A keyed request that failed comes again, and sets its fields then.
    if (use === 'untouched' || keyed?.phase === 'failed') return undefined
    const session = this.#ctx.session as unknown as BareSession | null
    return session === null ? assignedFields(handed) : fieldsOf(session)
  }
}

/** koa-session's question whether a stored session may be used. If not, the request goes on without one. */
export function validity(valid: NonNullable<SessionsOptions['valid']>): (ctx: StatefulContext) => boolean {
  return (ctx) => {
    const state = stateOf(ctx)
    const isValid: unknown = valid(ctx, state.session?.take() ?? {})
    if (hasMethods(isValid, ['then'])) {
      throw new SessionOptionsError(
        'The option valid answers at once, and was given a function that returns a promise.',
      )
    }
    if (!isValid) Object.assign(state, { session: undefined, use: 'used' })
    return Boolean(isValid)
  }
}

/** The session of the first cookie that has one. */
async function openPresented(state: RequestState): Promise<OpenSession | undefined> {
  for (const presented of [state.presented, ...state.alsoPresented]) {
    if (presented === undefined) continue
    await state.adoption?.adopt(presented)
    const session = await state.engine.open(presented.id, state.device)
    if (session === undefined) continue
    state.presented = presented
    return session
  }
  return undefined
}
