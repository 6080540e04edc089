/**
 * Checks before a cluster starts whether a planned fault has a target there. A campaign whose faults have no target would find
 * nothing and prove nothing.
 */
import type { ServerKind } from '../cluster/servers/server-kind.ts'
import { around, type EdgeEnds, edgeName, matching, STORE } from '../edges/edges.ts'
import type { Planned } from './planned.ts'
import type { Fault } from '../faults/contract/fault.ts'
import { faults } from '../faults/kinds/index.ts'
import { GROUPS, minorityOf, type NodesTarget, parseTarget, RANDOM_TARGET, unfit } from '../faults/target.ts'

/** What the cluster will have that can be broken. */
export interface Place {
  readonly nodes: readonly string[]
  readonly users: number
  /** The store's server if the lab starts it, and so may break it. */
  readonly server: ServerKind | undefined
  /** Whether the store is a file of the nodes. */
  readonly isFile?: boolean
  readonly edges: readonly EdgeEnds[]
}

/** Why the fault has no such target, and which targets its kind has; undefined if the plan is possible. */
export function planProblem({ kind, target }: Planned, place: Place): string | undefined {
  const fault = faults.get(kind)
  if (fault === undefined) return undefined
  const problem = targetProblem(fault, target, place)
  return problem === undefined ? undefined : `${problem}; ${kind} takes ${takes(fault, place)}`
}

function targetProblem(fault: Fault, text: string, place: Place): string | undefined {
  const target = parseTarget(fault, text)
  if (target === undefined) return unfit(fault, text)
  switch (target.type) {
    case 'store':
      if (place.server !== undefined) return fault.refuses?.(place.server)
      return fault.isOfFiles === true && place.isFile === true
        ? undefined
        : 'there is no store server that the lab starts'
    case 'random-edge':
      return undefined
    case 'edges':
      return matching(place.edges, target.ends).length === 0 ? `there is no edge "${text}"` : undefined
    case 'named':
    case 'random':
    case 'all':
    case 'minority':
    case 'owner':
      return (
        nodesProblem(target, place) ?? (fault.on.includes('partition') ? crossingProblem(target, place) : undefined)
      )
  }
}

function nodesProblem(target: NodesTarget, { nodes, users }: Place): string | undefined {
  if (target.type === 'minority')
    return minorityOf(nodes.length) === 0 ? `${nodes.length} nodes have no minority` : undefined
  if (target.type === 'named') {
    const missing = target.names.find((name) => !nodes.includes(name))
    return missing === undefined ? undefined : `there is no node "${missing}"`
  }
  if (target.type !== 'owner') return undefined
  const { user = 'user-0' } = target
  const number = /^user-(0|[1-9]\d*)$/.exec(user)?.[1]
  return number === undefined || Number(number) >= users ? `there is no user "${user}"` : undefined
}

/** Only the number of nodes in the partition matters. */
function crossingProblem(target: NodesTarget, { nodes, edges }: Place): string | undefined {
  const inside = nodes.slice(0, howMany(target, nodes.length))
  return around(edges, inside).length > 0 ? undefined : 'nothing leads to another node or to a store of the lab'
}

function howMany(target: NodesTarget, nodes: number): number {
  if (target.type === 'all') return nodes
  if (target.type === 'minority') return minorityOf(nodes)
  return target.type === 'named' ? target.names.length : 1
}

function takes({ on }: Fault, { nodes, users, server, edges }: Place): string {
  if (on.includes('edge')) return [RANDOM_TARGET, ...edges.map(edgeName)].join(', ')
  if (on.includes('partition') && around(edges, nodes.slice(0, 1)).length === 0) {
    return 'nodes that keep the sessions themselves, two at least, or have them in a store that the lab starts'
  }
  const groups = [...GROUPS, 'owner', `owner:user-0 to owner:user-${users - 1}`]
  const stores = on.includes('store') ? [server !== undefined ? STORE : `${STORE} where the lab starts one`] : []
  return [...(on.includes('store') && !on.includes('node') ? [] : [...nodes, ...groups]), ...stores].join(', ')
}
