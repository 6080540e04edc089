/** What `ctx.session` means here: our meaning over koa-session's property of that name, and `ctx.sessionInfo` beside it. */
import assert from 'node:assert/strict'
import type Koa from 'koa'
import type { SessionData } from './data.ts'
import { SessionNotNeededError, SessionTooEarlyError } from './errors.ts'
import { EARLY, known, type RequestState, STATE, type StatefulContext } from './request-state.ts'
import { assignedFields, assignFields, type BareSession, memberNames, refusal } from './session-fields.ts'
import { assertStepName } from './steps.ts'

/** Carries out `session.update(name, change)`; without a name it is undefined. */
export type Update = <T>(
  ctx: StatefulContext,
  session: BareSession,
  change: (draft: SessionData) => T,
  name: string | undefined,
) => Promise<T>

type UpdateArguments<T> = [change: (draft: SessionData) => T] | [name: string, change: (draft: SessionData) => T]

interface SessionAccessor {
  readonly get: (this: StatefulContext) => BareSession | null
  readonly set: (this: StatefulContext, fields: SessionData | null) => void
}

export function extendContext(app: Koa, update: Update): void {
  const inherited = Object.getOwnPropertyDescriptor(app.context, 'session') as SessionAccessor | undefined
  assert(inherited, 'koa-session defines ctx.session')
  const { get, set } = inherited
  const adopt = adoption(update)

  Object.defineProperties(app.context, {
    session: {
      configurable: true,
      get(this: StatefulContext) {
        if (this[STATE] === 'not needed') throw new SessionNotNeededError()
        const session = get.call(this)
        if (session === null) return null
        adopt(session, this)
        if (this[STATE] === undefined) this[EARLY] = session
        fill(this[STATE], session)
        return session
      },
      set(this: StatefulContext, assigned: object | null) {
        if (this[STATE] === 'not needed') throw new SessionNotNeededError()
        const state = this[STATE]
        if (state === undefined) throw new SessionTooEarlyError()
        const isObject = typeof assigned === 'object' && assigned !== null
        const fields = isObject ? assignedFields(assigned) : assigned
        if (isObject) replaceSession(state, fields as SessionData, get.call(this) === null)
        set.call(this, fields)
        Object.assign(state, { untouched: false, cleared: fields === null })
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
 * Gives koa-session's object our members, by a prototype of ours between it and its class: what every session has is no
 * field, and can't be replaced by one.
 */
function adoption(update: Update): (session: BareSession, ctx: StatefulContext) => void {
  const owners = new WeakMap<object, StatefulContext>()
  let ours: object | undefined

  const ownerOf = (session: object): StatefulContext => {
    const ctx = owners.get(session)
    assert(ctx, 'a session belongs to a request')
    return ctx
  }

  async function updateMember<T>(this: BareSession, ...given: UpdateArguments<T>): Promise<T> {
    const ctx = ownerOf(this)
    if (typeof given[0] === 'function') return await update(ctx, this, given[0], undefined)
    const [name, change] = given as [name: string, change: (draft: SessionData) => T]
    assertStepName(name)
    return await update(ctx, this, change, name)
  }

  const prototypeOn = (base: object): object => {
    // Without a prototype, so that `__proto__` is a name like any other.
    const members = Object.create(null) as PropertyDescriptorMap
    for (const name of memberNames) {
      members[name] = {
        get(this: object) {
          return Reflect.get(base, name, this) as unknown
        },
        set() {
          throw refusal(name)
        },
      }
    }
    members['update'] = { ...members['update'], get: () => updateMember }
    return Object.create(base, members) as object
  }

  return (session, ctx) => {
    const prototype: unknown = Object.getPrototypeOf(session)
    if (prototype === ours) return
    ours ??= prototypeOn(prototype as object)
    Object.setPrototypeOf(session, ours)
    // Hands it over at the end even where koa-session sees no fields: a field that it would drop has to be refused.
    session['_requireSave'] = true
    Object.defineProperty(session, 'isNew', session['isNew'] === true ? IS_NEW : IS_NOT_NEW)
    owners.set(session, ctx)
  }
}

const IS_NEW = isNewIs(true)
const IS_NOT_NEW = isNewIs(false)

/** koa-session has it as a property of its own, which an assignment would replace without a word. */
function isNewIs(value: boolean): PropertyDescriptor {
  return {
    enumerable: false,
    get: () => value,
    set() {
      throw refusal('isNew')
    },
  }
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
  assignFields(session, state.session?.take() ?? {})
}
