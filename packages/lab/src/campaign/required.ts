/** The interleavings that a run requires, and what makes one happen. */
import type { InterleavingName } from '@ninelives/history'
import { STORE } from '../edges/edges.ts'
import { CRASH_AT_LOGIN, CRASH_AT_MOVE, parsePlanned, ROLLING } from './planned.ts'

/** With fewer deaths of nodes, none may have met a request by chance. */
const DEATHS_ASKING = 10

/** A run that requires an interleaving goes on for at most so many faults more. */
export const MORE_FAULTS_MAX = 20

/** Undefined: no fault does, but users that act long enough. */
const recipes: Readonly<Record<InterleavingName, string | undefined>> = {
  'request-on-dying-node': 'crash:before-commit',
  'move-on-dying-node': CRASH_AT_MOVE,
  'crash-after-commit': 'crash:after-commit',
  'retry-across-rotation': CRASH_AT_LOGIN,
  'write-before-death': 'kill',
  'change-while-away': 'kill',
  'from-other-version': ROLLING,
  'to-other-version': ROLLING,
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

export interface Asking {
  /** How many faults. */
  readonly kills: number
  readonly tabs: number
  readonly overlap?: number
  readonly floor?: number
  /** Whether the nodes have two versions. */
  readonly hasVersions?: boolean
}

/** Whether users must be on the floor for it. */
export function needsFloor(name: InterleavingName): boolean {
  return name === 'move-on-dying-node'
}

/** Whether nodes of two versions are needed for it. */
export function needsVersions(name: InterleavingName): boolean {
  return recipes[name] === ROLLING
}

/** The interleavings that these faults, in turn, ask for: without them they would show too little. */
export function askedBy(
  kinds: readonly string[],
  { kills: count, tabs, overlap = 1, floor = 0, hasVersions = false }: Asking,
): InterleavingName[] {
  const planned = Array.from({ length: count }, (_, index) => parsePlanned(kinds[index % kinds.length] ?? ''))
  const crashes = planned.filter((each) => each?.kind === 'crash' && (each.point ?? 'after-commit') === 'after-commit')
  const deaths = planned.filter((each) => ['crash', 'kill'].includes(each?.kind ?? '') && each?.target !== STORE)
  return [
    ...(crashes.length > 0 ? ['crash-after-commit' as const] : []),
    ...(deaths.length >= DEATHS_ASKING && floor < 1 ? ['request-on-dying-node' as const] : []),
    ...(deaths.length >= DEATHS_ASKING && floor > 0 ? ['move-on-dying-node' as const] : []),
    ...(hasVersions && planned.some((each) => each?.kind === ROLLING)
      ? (['from-other-version', 'to-other-version'] as const)
      : []),
    ...(overlap > 1 && count > 1 ? ['faults-at-once' as const] : []),
    ...(tabs > 1 && count > 0 ? ['two-tabs-at-once' as const] : []),
  ]
}
