/**
 * What koa-session takes for a store: made anew for each request, it knows the request's own state, and turns "get, set,
 * destroy" into opening, committing, rotating and ending.
 */
import type Koa from 'koa'
import type { SessionData } from './data.ts'
import { RecordUnreadableError, StoreUnavailableError } from './errors.ts'
import { answerOf, notingAnswer } from './idempotency.ts'
import type { OutagePolicy } from './koa.ts'
import {
  allowCookie,
  refuseInOutage,
  type RequestState,
  sessionOf,
  type StatefulContext,
  stateOf,
} from './request-state.ts'
import type { OpenSession } from './session.ts'
import { assignedFields, type BareSession, fieldsOf } from './session-fields.ts'

/** koa-session's word for "save it, whether or not it has changed": what has changed is for the engine to tell. */
const TO_BE_SAVED = { _requireSave: true }

interface ContextStore {
  get(): Promise<typeof TO_BE_SAVED | undefined>
  set(key: string, fields: SessionData): Promise<void>
  destroy(): Promise<void>
}

export function requestStore(
  policyFor: (ctx: Koa.Context) => OutagePolicy,
): new (ctx: StatefulContext) => ContextStore {
  return class RequestStore {
    readonly #ctx: StatefulContext

    constructor(ctx: StatefulContext) {
      this.#ctx = ctx
    }

    async get(): Promise<typeof TO_BE_SAVED | undefined> {
      const state = stateOf(this.#ctx)
      if (state.presented === undefined) return undefined
      try {
        state.session = await openPresented(state)
      } catch (error) {
        if (!(error instanceof StoreUnavailableError || error instanceof RecordUnreadableError)) throw error
        const policy = policyFor(this.#ctx)
        if (policy === 'closed') throw error
        state.outage = error
        state.session = policy === 'read-only' ? state.engine.openLastKnown(state.presented.id) : undefined
      }
      state.untouched = state.session !== undefined
      return state.untouched ? TO_BE_SAVED : undefined
    }

    set(_key: string, fields: SessionData): Promise<void> {
      const state = stateOf(this.#ctx)
      return state.inTurn(async () => {
        // As they are by now: an update that was under way has brought in what it found.
        const session = state.untouched ? null : (this.#ctx.session as BareSession | null)
        const made = state.untouched ? undefined : session === null ? assignedFields(fields) : fieldsOf(session)
        // A keyed request that failed comes again, and sets its fields then.
        const mine = state.keyed?.phase === 'failed' ? undefined : made
        const isEmpty = mine === undefined || Object.keys(mine).length === 0
        if (state.outage !== undefined) {
          if (mine !== undefined && (state.session?.differs(mine) ?? !isEmpty)) refuseInOutage(state)
          return
        }
        await state.discarded?.destroy()
        // Looked at, and left empty: there is nothing to begin.
        if (state.session === undefined && isEmpty) return
        const open = sessionOf(state)
        const before = open.info?.version
        if (before === undefined && state.keyed?.phase === 'failed') return
        await notingAnswer(state, () => open.commit(mine, answerOf(this.#ctx, state)))
        state.hasJustWritten = open.info?.version !== before
      })
    }

    async destroy(): Promise<void> {
      const state = stateOf(this.#ctx)
      refuseInOutage(state)
      // koa-session takes the cookie back after this.
      allowCookie(this.#ctx)
      if (this.#ctx.session !== null) {
        state.session?.rotate()
        return
      }
      await state.discarded?.destroy()
      await state.session?.destroy()
      state.loggedOut = true
    }
  }
}

/** The session of the first cookie that has one. */
async function openPresented(state: RequestState): Promise<OpenSession | undefined> {
  for (const presented of [state.presented, ...state.alsoPresented]) {
    const session = presented && (await state.engine.open(presented.id, state.device))
    if (session === undefined) continue
    state.presented = presented
    return session
  }
  return undefined
}
