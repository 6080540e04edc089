/**
 * What is known of a planned fault before there is a cluster: whether it can ever fall where it was planned to. A series of
 * which nothing could fall would find nothing, and prove as little.
 */
import { STORE } from '../cluster/store-server.ts'
import { around, type EdgeEnds, edgeName, matching } from '../edges/edges.ts'
import type { Planned } from './campaign.ts'
import type { Fault } from './fault.ts'
import { faults } from './index.ts'
import { ALL, MINORITY, minorityOf, OWNER, RANDOM_TARGET, unfit } from './targets.ts'

/** What a cluster will have that can be broken. */
export interface Place {
  readonly nodes: readonly string[]
  readonly users: number
  /** Whether it is the lab's to break. */
  readonly hasStore: boolean
  readonly edges: readonly EdgeEnds[]
}

/** Why it can't, and what it takes; undefined where it may. */
export function misfit({ kind, target }: Planned, place: Place): string | undefined {
  const fault = faults.get(kind)
  if (fault === undefined) return undefined
  const why = reason(fault, target, place)
  return why === undefined ? undefined : `${why}; ${kind} takes ${takes(fault, place)}`
}

function reason(fault: Fault, target: string, place: Place): string | undefined {
  if (fault.on.includes('edge')) return ofEdges(target, place)
  if (fault.on.includes('partition')) return ofNodes(target, place) ?? ofCrossing(target, place)
  if (target === STORE ? !fault.on.includes('store') : !fault.on.includes('node')) return unfit(fault, target).message
  if (target !== STORE) return ofNodes(target, place)
  return place.hasStore ? undefined : 'there is no store that the lab starts'
}

function ofEdges(target: string, { edges }: Place): string | undefined {
  if (target === RANDOM_TARGET) return undefined
  const found = matching(edges, target)
  if (found === undefined) return `"${target}" is no edge`
  return found.length === 0 ? `there is no edge "${target}"` : undefined
}

function ofNodes(target: string, { nodes, users }: Place): string | undefined {
  if (target === MINORITY) return minorityOf(nodes.length) === 0 ? `of ${nodes.length} nodes none is one` : undefined
  if (target === RANDOM_TARGET || target === ALL) return undefined
  const owner = OWNER.exec(target)
  if (owner === null) return nodes.includes(target) ? undefined : `there is no node "${target}"`
  const [, user = 'user-0'] = owner
  const number = /^user-(0|[1-9]\d*)$/.exec(user)?.[1]
  return number === undefined || Number(number) >= users ? `there is no user "${user}"` : undefined
}

/** Which nodes it is does not matter where all are alike, only how many. */
function ofCrossing(target: string, { nodes, edges }: Place): string | undefined {
  const groups = new Map([
    [ALL, nodes.length],
    [MINORITY, minorityOf(nodes.length)],
  ])
  const inside = nodes.slice(0, groups.get(target) ?? 1)
  return around(edges, inside).length > 0 ? undefined : 'nothing leads to another node or to a store of the lab'
}

function takes({ on }: Fault, { nodes, users, hasStore, edges }: Place): string {
  if (on.includes('edge')) return [RANDOM_TARGET, ...edges.map(edgeName)].join(', ')
  if (on.includes('partition') && around(edges, nodes.slice(0, 1)).length === 0) {
    return 'nodes that keep the sessions themselves, two at least, or have them in a store that the lab starts'
  }
  const groups = [RANDOM_TARGET, ALL, MINORITY, 'owner', `owner:user-0 to owner:user-${users - 1}`]
  const stores = on.includes('store') ? [hasStore ? STORE : `${STORE} where the lab starts one`] : []
  return [...(on.includes('store') && !on.includes('node') ? [] : [...nodes, ...groups]), ...stores].join(', ')
}
