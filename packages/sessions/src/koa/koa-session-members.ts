/**
 * What every session has beside its fields. koa-session's object gets it by a prototype of ours between it and its class:
 * a member is no field, and can't be replaced by one.
 */
import assert from 'node:assert/strict'
import type { SessionData } from '../record/data.ts'
import type { SingleOptions } from '../engine/single-flight.ts'
import type { MaxAge } from '../session-fields.ts'
import type { UpdateOptions } from './session-type.ts'
import { checkedOptions, checkedValue, type Rules, take } from '../options.ts'
import { UNTIL_BROWSER_CLOSES } from '../record/record.ts'
import { known, refuseInOutage, sessionOf, type StatefulContext, stateOf } from './request-state.ts'
import { memberNames, refusal } from '../field-names.ts'
import { type BareSession, OWNER } from './koa-session-fields.ts'
import { assertStepName } from '../idempotency/steps.ts'

/** Carries out `session.update(name, change)`; without a name it is undefined. */
export type Update = <T>(
  ctx: StatefulContext,
  session: BareSession,
  change: (draft: SessionData) => T,
  name: string | undefined,
  options: UpdateOptions<T> | undefined,
) => Promise<T>

type Change<T> = (draft: SessionData) => T
type UpdateArguments<T> =
  | [change: Change<T>, options?: UpdateOptions<T>]
  | [name: string, change: Change<T>, options?: UpdateOptions<T>]

const maxAgeRule = take.either(take.durationMs(1), take.oneOf('session'))

const updateRules: Rules<UpdateOptions<unknown>> = { answer: take.function }

function ownerOf(session: BareSession): StatefulContext {
  const owner = session[OWNER]
  assert(owner, 'a session belongs to a request')
  return owner.ctx as StatefulContext
}

/** Gives a session of koa-session our members; once given they stay. */
export type GiveMembers = (session: BareSession, ctx: StatefulContext) => void

export function membersGiver(update: Update, defaultMaxAge: MaxAge): GiveMembers {
  let ours: object | undefined

  async function updateMember<T>(this: BareSession, ...given: UpdateArguments<T>): Promise<T> {
    const ctx = ownerOf(this)
    const [name, change, options] = (typeof given[0] === 'function' ? [undefined, ...given] : given) as [
      name: string | undefined,
      change: Change<T>,
      options?: UpdateOptions<T>,
    ]
    if (typeof given[0] !== 'function') assertStepName(name)
    const checked = options && checkedOptions('session.update()', options, updateRules)
    return await update(ctx, this, change, name, checked)
  }

  const prototypeOn = (base: object): object => {
    // Without a prototype, so that `__proto__` is a name like any other.
    const members = Object.create(null) as Record<string, PropertyDescriptor>
    for (const name of memberNames) members[name] = readOnly(base, name)
    for (const name of EXPLICIT) {
      const method = explicit(Reflect.get(base, name) as Method, name)
      members[name] = { ...members[name], get: () => method }
    }
    members['maxAge'] = maxAgeMember(defaultMaxAge)
    members['externalKey'] = {
      ...members['externalKey'],
      get(this: BareSession) {
        return sessionOf(stateOf(ownerOf(this))).publicId
      },
    }
    members['update'] = { ...members['update'], get: () => updateMember }
    members['single'] = { ...members['single'], get: () => singleMember }
    return Object.create(base, members) as object
  }

  return (session, ctx) => {
    const prototype: unknown = Object.getPrototypeOf(session)
    if (prototype === ours) return
    ours ??= prototypeOn(prototype as object)
    Object.setPrototypeOf(session, ours)
    // Hands it over at the end even where koa-session sees no fields: a field that it would drop has to be refused.
    session['_requireSave'] = true
    session[OWNER] = { ctx, isNew: session['isNew'] }
  }
}

async function singleMember<T>(
  this: BareSession,
  name: string,
  run: (signal: AbortSignal) => T | Promise<T>,
  options?: SingleOptions,
): Promise<T> {
  const state = stateOf(ownerOf(this))
  refuseInOutage(state)
  return await sessionOf(state).single(name, run, options)
}

function readOnly(base: object, name: string): PropertyDescriptor {
  return {
    get(this: object) {
      return Reflect.get(base, name, this) as unknown
    },
    set() {
      throw refusal(name)
    },
  }
}

/** What the application calls itself to have the session written, whatever `autoCommit` says. */
const EXPLICIT = ['save', 'regenerate', 'manuallyCommit', 'commit']

type Method = (...given: unknown[]) => Promise<void>
type Callback = (error?: unknown) => void

/** koa-session's method, known to the request's state for as long as it runs. Like there it may be given a callback. */
function explicit(method: Method, name: string) {
  return function explicitly(this: BareSession, ...given: unknown[]): Promise<void> | undefined {
    const state = stateOf(ownerOf(this))
    state.explicitCommits++
    state.isToBegin ||= name === 'save'
    const options = given.filter((each) => typeof each !== 'function')
    const done = Reflect.apply(method, this, options).finally(() => state.explicitCommits--)
    const callback = given.find((each) => typeof each === 'function') as Callback | undefined
    if (callback === undefined) return done
    done.then(
      () => process.nextTick(callback),
      (error: unknown) => process.nextTick(callback, error),
    )
    return undefined
  }
}

function maxAgeMember(defaultMaxAge: MaxAge): PropertyDescriptor {
  return {
    get(this: BareSession): MaxAge {
      const maxAgeMs = known(ownerOf(this))?.session?.maxAgeMs
      if (maxAgeMs === UNTIL_BROWSER_CLOSES) return 'session'
      return maxAgeMs ?? defaultMaxAge
    },
    set(this: BareSession, maxAge: MaxAge | undefined) {
      const state = stateOf(ownerOf(this))
      refuseInOutage(state)
      sessionOf(state).maxAgeMs = storedMaxAge(maxAge, defaultMaxAge)
    },
  }
}

/** As the session keeps it: nothing for the default. Throws SessionOptionsError for what is no such time. */
export function storedMaxAge(maxAge: unknown, defaultMaxAge: MaxAge): number | undefined {
  if (maxAge === undefined || maxAge === defaultMaxAge) return undefined
  const checked = checkedValue('session.maxAge', maxAge, maxAgeRule)
  return checked === 'session' ? UNTIL_BROWSER_CLOSES : (checked as number)
}
