/** An application's fields on koa-session's object, and the names that a field can't have. */
import type { SessionData } from '../record/data.ts'
import { SessionValueError } from '../errors.ts'

/**
 * Whose session an object is: on the object itself, under a symbol, which is no field. Both a WeakMap from sessions to requests
 * and an accessor on each object cost a request some microseconds more.
 */
export const OWNER = Symbol('ninelives owner')

interface Owner {
  readonly ctx: unknown
  readonly isNew: unknown
}

/** koa-session's own object, before it has our members. */
export interface BareSession {
  [field: string]: unknown
  [OWNER]?: Owner
  toJSON(): SessionData
}

/** What koa-session keeps on the object beside the fields. A copy such as `{ ...ctx.session }` has it as well. */
const BOOKKEEPING: ReadonlySet<string> = new Set(['isNew', '_requireSave', '_expire', '_maxAge', '_session'])

/** What every session has beside its fields. A field of that name would be lost, or break every later request. */
const MEMBERS: Readonly<Record<string, string>> = {
  commit: "is koa-session's method that saves the session",
  constructor: 'is the class of the session',
  externalKey: "is the session's public id",
  inspect: 'shows the fields in a log',
  isNew: 'tells whether this request began the session',
  length: 'counts the fields',
  manuallyCommit: 'saves the session',
  maxAge: 'is how long the session may be unused',
  populated: 'tells whether there are fields',
  regenerate: 'gives the session another id',
  save: 'saves the session',
  single: 'runs a function once for the session',
  toJSON: 'gives the fields',
  update: 'changes the session in one atomic step',
  ['__proto__']: 'is the prototype of the session',
}

export const memberNames: readonly string[] = Object.keys(MEMBERS)

/** What the handler has made of the fields. Throws SessionValueError for a name that a field can't have. */
export function fieldsOf(session: BareSession): SessionData {
  const fields: SessionData = {}
  // It is a property of koa-session's, which an assignment replaces without a word.
  if (session[OWNER] !== undefined && session[OWNER].isNew !== session['isNew']) throw refusal('isNew')
  for (const name of Object.keys(session)) if (!BOOKKEEPING.has(name)) fields[name] = session[name]
  assertFieldNames(fields)
  return fields
}

export function replaceFields(session: BareSession, data: SessionData): void {
  for (const name of Object.keys(session)) {
    if (!BOOKKEEPING.has(name) && !Object.hasOwn(data, name)) delete session[name]
  }
  assignFields(session, data)
}

/** Puts stored fields on the object. A name that was stored before it was refused is left out, and so leaves the store. */
export function assignFields(session: BareSession, data: SessionData): void {
  for (const name of Object.keys(data)) if (!isRefused(name)) session[name] = data[name]
}

export function assertFieldNames(fields: object): void {
  for (const name of Object.keys(fields)) if (isRefused(name)) throw refusal(name)
}

/** The fields of an object that is to become the session; it may be a copy of one. */
export function assignedFields(assigned: object): SessionData {
  if ('isNew' in assigned && typeof assigned.isNew !== 'boolean') throw refusal('isNew')
  const fields = Object.fromEntries(Object.entries(assigned).filter(([name]) => !BOOKKEEPING.has(name)))
  assertFieldNames(fields)
  return fields
}

export function refusal(name: string): SessionValueError {
  if (!Object.hasOwn(MEMBERS, name)) {
    const other = name.replace(/^_+/, '')
    const instead = other === '' ? 'Give it another name.' : `Name it '${other}'.`
    return new SessionValueError(name, "a field whose name begins with '_', as koa-session's own do", instead)
  }
  const instead = `session.${name} ${MEMBERS[name]}: give the field another name.`
  return new SessionValueError(name, 'a field with the name of a member', instead)
}

function isRefused(name: string): boolean {
  return name.startsWith('_') || Object.hasOwn(MEMBERS, name)
}
