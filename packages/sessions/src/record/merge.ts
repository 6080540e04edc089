/**
 * Three-way merge by top-level field: what a request read, what it made of that, and what others wrote meanwhile. A field
 * that only one side changed takes that side's value. A field that both changed takes what its declared resolver says, or
 * mine, as the later writer's. What must not be decided by field goes through `session.update(fn)` instead.
 *
 * Values are compared as JSON text: two objects that differ only in the order of their keys count as different, which costs
 * a needless "changed" and never a lost one.
 */
import type { SessionData } from './data.ts'
import { SessionConflictError } from '../errors.ts'

/** What becomes of a field that two requests changed at once. Pure: it may run again on newer values. */
export type Resolver = (values: { readonly base: unknown; readonly mine: unknown; readonly theirs: unknown }) => unknown

export type Resolvers = Readonly<Record<string, Resolver>>

export const resolve = {
  /** The larger of two numbers, or the later of two Dates. */
  max: ({ mine, theirs }) => ((theirs as number) > (mine as number) ? theirs : mine),
  /** The smaller of two numbers, or the earlier of two Dates. */
  min: ({ mine, theirs }) => ((theirs as number) < (mine as number) ? theirs : mine),
  /** Both differences count: for a number that several requests add to. */
  sum: ({ base, mine, theirs }) => Number(theirs ?? 0) + Number(mine ?? 0) - Number(base ?? 0),
  /** Both sides' additions and removals count: for an array that means a set. */
  union: ({ base, mine, theirs }) => unite(asArray(base), asArray(mine), asArray(theirs)),
  /** The value of the request that wrote first stays. */
  first: ({ theirs }) => theirs,
  /** The later request fails with SessionConflictError, and nothing of it is written. */
  reject: ({ mine, theirs }) => {
    throw new SessionConflictError(1, mine, theirs)
  },
} satisfies Record<string, Resolver>

export function merge(
  base: SessionData,
  mine: SessionData,
  theirs: SessionData,
  resolvers: Resolvers = {},
): SessionData {
  const merged: [string, unknown][] = []
  for (const field of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const value = mergeField(own(base, field), own(mine, field), own(theirs, field), own(resolvers, field))
    if (value !== undefined) merged.push([field, value])
  }
  // An assignment would make the value of `__proto__` the prototype.
  return Object.fromEntries(merged)
}

function mergeField(base: unknown, mine: unknown, theirs: unknown, resolver: Resolver | undefined): unknown {
  if (isSame(base, mine)) return theirs
  if (resolver === undefined || isSame(base, theirs)) return mine
  return resolver({ base, mine, theirs })
}

/** Own properties only: every object inherits a `constructor`. */
function own<T>(fields: Readonly<Record<string, T>>, field: string): T | undefined {
  return Object.hasOwn(fields, field) ? fields[field] : undefined
}

function isSame(left: unknown, right: unknown): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right)
}

function unite(base: readonly unknown[], mine: readonly unknown[], theirs: readonly unknown[]): unknown[] {
  const [baseKeys, mineKeys, theirKeys] = [textsOf(base), textsOf(mine), textsOf(theirs)]
  const kept = theirs.filter((value) => mineKeys.has(JSON.stringify(value)) || !baseKeys.has(JSON.stringify(value)))
  const added = mine.filter((value) => !theirKeys.has(JSON.stringify(value)) && !baseKeys.has(JSON.stringify(value)))
  return [...kept, ...added]
}

function textsOf(values: readonly unknown[]): ReadonlySet<string> {
  return new Set(values.map((value) => JSON.stringify(value)))
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
