/**
 * Three-way merge by top-level field: what a request read, what it made of that, and what others wrote meanwhile. A field
 * that only one side changed takes that side's value; a field that both changed takes mine, as the later writer's. What
 * must not be decided by field (a counter, a list that grows) goes through `session.update(fn)` instead.
 *
 * Values are compared as JSON text: two objects that differ only in the order of their keys count as different, which costs
 * a needless "changed" and never a lost one.
 */
import type { SessionData } from './record.ts'

export function merge(base: SessionData, mine: SessionData, theirs: SessionData): SessionData {
  const merged: SessionData = {}
  for (const field of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const source = sameValue(base[field], mine[field]) ? theirs : mine
    if (source[field] !== undefined) merged[field] = source[field]
  }
  return merged
}

function sameValue(left: unknown, right: unknown): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right)
}
