/** The faults of a campaign, as `--faults` names them. */
import { STORE } from '../edges/edges.ts'
import { faults } from '../faults/kinds/index.ts'
import { RANDOM_TARGET } from '../faults/target.ts'

/** A rolling restart: each node in turn drains, leaves and comes back. It is a series of faults. */
export const ROLLING = 'rolling'

export const campaignKinds: readonly string[] = [...faults.keys(), ROLLING]

export interface Planned {
  readonly kind: string
  readonly target: string
}

/** Parses a kind, or a kind and its target such as `kill@store`; undefined for other texts. */
export function parsePlanned(planned: string): Planned | undefined {
  const [, kind = '', target] = /^([a-z]+)(?:@(.+))?$/.exec(planned) ?? []
  if (!campaignKinds.includes(kind) || (kind === ROLLING && target !== undefined)) return undefined
  const own = faults.get(kind)?.on.includes('store') === true && !faults.get(kind)?.on.includes('node')
  return { kind, target: target ?? (own ? STORE : RANDOM_TARGET) }
}

/** Whether the fault needs proxies on the edges. */
export function needsEdges(planned: string): boolean {
  const { on = [] } = faults.get(parsePlanned(planned)?.kind ?? '') ?? {}
  return on.includes('edge') || on.includes('partition')
}
