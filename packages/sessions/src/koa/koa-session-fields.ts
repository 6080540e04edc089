/** An application's fields on koa-session's object. */
import type { SessionData } from '../record/data.ts'
import { assertFieldNames, assignFields, refusal } from '../field-names.ts'

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

/** The fields of an object that is to become the session; it may be a copy of one. */
export function assignedFields(assigned: object): SessionData {
  if ('isNew' in assigned && typeof assigned.isNew !== 'boolean') throw refusal('isNew')
  const fields = Object.fromEntries(Object.entries(assigned).filter(([name]) => !BOOKKEEPING.has(name)))
  assertFieldNames(fields)
  return fields
}
