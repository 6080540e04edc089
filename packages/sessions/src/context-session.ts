/** What `ctx.session` means here: our meaning over koa-session's property of that name, and `ctx.sessionInfo` beside it. */
import assert from 'node:assert/strict'
import type Koa from 'koa'
import type { SessionData } from './data.ts'
import { SessionNotNeededError } from './errors.ts'
import { type BareSession, known, type RequestState, STATE, type StatefulContext, stateOf } from './request-state.ts'

/** Carries out `session.update(change)`. */
export type Update = <T>(ctx: StatefulContext, session: BareSession, change: (draft: SessionData) => T) => Promise<T>

interface SessionAccessor {
  readonly get: (this: StatefulContext) => BareSession | null
  readonly set: (this: StatefulContext, fields: SessionData | null) => void
}

export function extendContext(app: Koa, update: Update): void {
  const inherited = Object.getOwnPropertyDescriptor(app.context, 'session') as SessionAccessor | undefined
  assert(inherited, 'koa-session defines ctx.session')
  const { get, set } = inherited

  Object.defineProperties(app.context, {
    session: {
      configurable: true,
      get(this: StatefulContext) {
        if (this[STATE] === 'not needed') throw new SessionNotNeededError()
        const session = get.call(this)
        if (session === null) return null
        fill(this[STATE], session)
        if (!Object.hasOwn(session, 'update')) {
          const value = <T>(change: (draft: SessionData) => T) => update(this, session, change)
          Object.defineProperty(session, 'update', { value })
        }
        return session
      },
      set(this: StatefulContext, fields: SessionData | null) {
        if (this[STATE] === 'not needed') throw new SessionNotNeededError()
        const state = this[STATE]
        if (fields !== null) replaceSession(stateOf(this), fields, get.call(this) === null)
        if (state !== undefined) Object.assign(state, { untouched: false, cleared: fields === null })
        set.call(this, fields)
      },
    },
    sessionOutage: {
      get(this: StatefulContext) {
        return known(this)?.outage !== undefined
      },
    },
    sessionInfo: {
      get(this: StatefulContext) {
        return known(this)?.session?.info
      },
    },
  })
}

/**
 * Other contents under the id that the client came with may be session fixation. Where they name a user, the change of user
 * rotates by itself; where they do not, nobody knows.
 */
function replaceSession(state: RequestState, fields: SessionData, wasDiscarded: boolean): void {
  if (!wasDiscarded) {
    if (state.engine.userOf(fields) === undefined) state.session?.rotate()
    return
  }
  state.discarded ??= state.session
  state.session = undefined
}

/**
 * Hands out the fields, which koa-session was not given. It would keep two checksums of them that nobody asks for, and of
 * a session that the handler never looks at nothing has to be parsed, copied or compared.
 */
function fill(state: RequestState | undefined, session: BareSession): void {
  if (state?.untouched !== true) return
  state.untouched = false
  Object.assign(session, state.session?.take())
}
