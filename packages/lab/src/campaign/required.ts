/** The interleavings that a run requires, and what makes one happen. */
import type { InterleavingName } from '@ninelives/history'
import { STORE } from '../edges/edges.ts'
import { CRASH_AT_LOGIN, parsePlanned } from './planned.ts'

/** With fewer deaths of nodes, none may have met a request by chance. */
const DEATHS_ASKING = 10

/** Undefined: no fault does, but users that act long enough. */
const recipes: Readonly<Record<InterleavingName, string | undefined>> = {
  'request-on-dying-node': 'crash:before-commit',
  'crash-after-commit': 'crash:after-commit',
  'retry-across-rotation': CRASH_AT_LOGIN,
  'write-before-death': 'kill',
  'change-while-away': 'kill',
  'faults-at-once': undefined,
  'two-tabs-at-once': undefined,
  'logout-during-write': undefined,
  'read-during-logout': undefined,
}

const NEEDS_TABS: ReadonlySet<InterleavingName> = new Set([
  'two-tabs-at-once',
  'logout-during-write',
  'read-during-logout',
])

export function recipeOf(name: InterleavingName): string | undefined {
  return recipes[name]
}

/** Whether a user must have several tabs for it. */
export function needsTabs(name: InterleavingName): boolean {
  return NEEDS_TABS.has(name)
}

/** The interleavings that these faults, in turn, ask for: without them they would show too little. */
export function askedBy(kinds: readonly string[], count: number, tabs: number, overlap = 1): InterleavingName[] {
  const planned = Array.from({ length: count }, (_, index) => parsePlanned(kinds[index % kinds.length] ?? ''))
  const crashes = planned.filter((each) => each?.kind === 'crash' && (each.point ?? 'after-commit') === 'after-commit')
  const deaths = planned.filter((each) => ['crash', 'kill'].includes(each?.kind ?? '') && each?.target !== STORE)
  return [
    ...(crashes.length > 0 ? ['crash-after-commit' as const] : []),
    ...(deaths.length >= DEATHS_ASKING ? ['request-on-dying-node' as const] : []),
    ...(overlap > 1 && count > 1 ? ['faults-at-once' as const] : []),
    ...(tabs > 1 && count > 0 ? ['two-tabs-at-once' as const] : []),
  ]
}
