/** What `ctx.session` means here: our meaning over koa-session's property of that name, and `ctx.sessionInfo` beside it. */
import assert from 'node:assert/strict'
import type Koa from 'koa'
import type { SessionData } from '../record/data.ts'
import type { MaxAge } from '../session-fields.ts'
import { SessionNotNeededError, SessionTooEarlyError } from '../errors.ts'
import {
  EARLY,
  known,
  refuseInOutage,
  type RequestState,
  sessionOf,
  STATE,
  type StatefulContext,
} from './request-state.ts'
import { assignFields } from '../field-names.ts'
import { assignedFields, type BareSession } from './koa-session-fields.ts'
import { type GiveMembers, storedMaxAge } from './koa-session-members.ts'

interface SessionAccessor {
  readonly get: (this: StatefulContext) => BareSession | null
  readonly set: (this: StatefulContext, fields: SessionData | null) => void
}

export function extendContext(app: Koa, giveMembers: GiveMembers, defaultMaxAge: MaxAge): void {
  const inherited = Object.getOwnPropertyDescriptor(app.context, 'session') as SessionAccessor | undefined
  assert(inherited, 'koa-session defines ctx.session')
  const { get, set } = inherited

  const replace = (ctx: StatefulContext, state: RequestState, assigned: object): void => {
    // Of its own properties alone: a session that is set to itself has a maxAge as a member.
    const { maxAge, ...others }: { maxAge?: unknown } = { ...assigned }
    const fields = assignedFields(others)
    const maxAgeMs = storedMaxAge(maxAge, defaultMaxAge)
    const current = get.call(ctx)
    // It ends a session, or replaces one whose fields are not known. Where they are, they are compared at the end of the request.
    if (current === null || (state.session === undefined && assigned !== current)) refuseInOutage(state)
    replaceSession(state, fields, current === null)
    if (maxAge !== undefined) sessionOf(state).maxAgeMs = maxAgeMs
    set.call(ctx, fields)
    const session = get.call(ctx)
    if (session !== null) giveMembers(session, ctx)
  }

  Object.defineProperties(app.context, {
    session: {
      configurable: true,
      get(this: StatefulContext) {
        if (this[STATE] === 'not needed') throw new SessionNotNeededError()
        const session = get.call(this)
        if (session === null) return null
        giveMembers(session, this)
        if (this[STATE] === undefined) this[EARLY] = session
        fill(this[STATE], session)
        return session
      },
      set(this: StatefulContext, assigned: object | null) {
        if (this[STATE] === 'not needed') throw new SessionNotNeededError()
        const state = this[STATE]
        if (state === undefined) throw new SessionTooEarlyError()
        if (typeof assigned === 'object' && assigned !== null) replace(this, state, assigned)
        // Null; what is no object koa-session refuses.
        else set.call(this, assigned)
        state.use = assigned === null ? 'cleared' : 'used'
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
 * Replacing all fields under the id that the client came with may be a login, and the id may have been planted. Where the fields
 * name a user, the change of user rotates the id by itself; where they don't, it is rotated to be safe.
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
 * Fills koa-session's object with the fields when the handler first looks at it. Given at the start, koa-session would compute
 * two checksums that are not used, and a session that the handler never looks at would be parsed and copied for nothing.
 */
function fill(state: RequestState | undefined, session: BareSession): void {
  if (state?.use !== 'untouched') return
  state.use = 'used'
  assignFields(session, state.session?.take() ?? {})
}
