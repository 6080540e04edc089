/**
 * The names that a field can't have. Koa's session has members of these names, so such a field would be lost there, or break every later
 * request. Services that share sessions with one on Koa refuse them too: what it can't hold, it would take out of the store.
 */
import { SessionValueError } from './errors.ts'
import type { SessionData } from './record/data.ts'

/** What Koa's session has beside its fields. */
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

export function assertFieldNames(fields: object): void {
  for (const name of Object.keys(fields)) if (isRefused(name)) throw refusal(name)
}

/** A change for `update`, which fails where it adds such a field. */
export function withFieldNames<T>(change: (draft: SessionData) => T): (draft: SessionData) => T {
  return (draft) => {
    const before = new Set(Object.keys(draft).filter(isRefused))
    const outcome = change(draft)
    const added = Object.keys(draft).find((name) => isRefused(name) && !before.has(name))
    if (added !== undefined) throw refusal(added)
    return outcome
  }
}

/** Puts stored fields on an object. A name that was stored before it was refused is left out, and so leaves the store. */
export function assignFields(target: SessionData, data: SessionData): void {
  for (const name of Object.keys(data)) if (!isRefused(name)) target[name] = data[name]
}

export function refusal(name: string): SessionValueError {
  if (!Object.hasOwn(MEMBERS, name)) {
    const other = name.replace(/^_+/, '')
    const instead = other === '' ? 'Give it another name.' : `Name it '${other}'.`
    return new SessionValueError(name, "a field whose name begins with '_', as koa-session's own do", instead)
  }
  const instead = `On Koa session.${name} ${MEMBERS[name]}: give the field another name.`
  return new SessionValueError(name, 'a field with the name of a member', instead)
}

function isRefused(name: string): boolean {
  return name.startsWith('_') || Object.hasOwn(MEMBERS, name)
}
