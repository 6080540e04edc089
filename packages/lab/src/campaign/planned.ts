/** The faults of a campaign, as `--faults` names them. */
import { STORE } from '../edges/edges.ts'
import { CRASH_POINTS, type CrashPoint } from '../faults/contract/fault-detail.ts'
import { faults } from '../faults/kinds/index.ts'
import { RANDOM_TARGET } from '../faults/target.ts'

/** A rolling restart: each node in turn drains, leaves and comes back. It is a series of faults. */
export const ROLLING = 'rolling'

export const campaignKinds: readonly string[] = [...faults.keys(), ROLLING]

export interface Planned {
  readonly kind: string
  readonly target: string
  /** Of a crash. */
  readonly point?: CrashPoint
  /** Of a crash: the only operation whose requests count. */
  readonly operation?: string
}

/** A crash before a login is answered. */
export const CRASH_AT_LOGIN = 'crash:after-commit:login'
/** A crash before a move on the floor is acknowledged. */
export const CRASH_AT_MOVE = 'crash:after-commit:move'
const OPERATIONS: ReadonlyMap<string, string> = new Map([
  ['login', 'POST /api/login'],
  ['move', 'WS /api/floor'],
])

/**
 * Parses a kind, or a kind and its target such as `kill@store`, or a crash and its point such as `crash:after-commit`; undefined
 * for other texts.
 */
export function parsePlanned(planned: string): Planned | undefined {
  const [, kind = '', given, word, target] = /^([a-z-]+)(?::([a-z-]+))?(?::([a-z]+))?(?:@(.+))?$/.exec(planned) ?? []
  const point = CRASH_POINTS.find((each) => each === given)
  const operation = OPERATIONS.get(word ?? '')
  if (!campaignKinds.includes(kind) || (kind === ROLLING && target !== undefined)) return undefined
  if (given !== undefined && (kind !== 'crash' || point === undefined)) return undefined
  if (word !== undefined && operation === undefined) return undefined
  const own = faults.get(kind)?.on.includes('store') === true && !faults.get(kind)?.on.includes('node')
  return {
    kind,
    target: target ?? (own ? STORE : RANDOM_TARGET),
    ...(point === undefined ? {} : { point }),
    ...(operation === undefined ? {} : { operation }),
  }
}

/** Whether the store's writes must pass through the lab for it. */
export function needsDisk(planned: string): boolean {
  return faults.get(parsePlanned(planned)?.kind ?? '')?.isOfFiles === true
}

/** Whether the fault needs proxies on the edges. */
export function needsEdges(planned: string): boolean {
  const { on = [] } = faults.get(parsePlanned(planned)?.kind ?? '') ?? {}
  return on.includes('edge') || on.includes('partition')
}
