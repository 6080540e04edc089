/**
 * Parses a fault's target.
 *
 * Nodes: names separated by commas; `random`; `all`; `minority`, the largest number that leaves a majority; `owner`, the node
 * with the session of a random logged-in user, or `owner:user-3`. The store: `store`. Edges: `balancer>a`, `a>b`, `a>store` or
 * `store>replica`, with `*` for any process at either end, several of them separated by commas, or `random`.
 */
import { type EdgeEnds, parseEdges, STORE } from '../edges/edges.ts'
import type { Fault } from './contract/fault.ts'

export type Target = NodesTarget | { readonly type: 'store' } | EdgesTarget

export type NodesTarget =
  | { readonly type: 'named'; readonly names: readonly string[] }
  | { readonly type: 'random' }
  | { readonly type: 'all' }
  | { readonly type: 'minority' }
  | { readonly type: 'owner'; readonly user: string | undefined }

export type EdgesTarget =
  | { readonly type: 'edges'; readonly ends: readonly EdgeEnds[] }
  | { readonly type: 'random-edge' }

export const RANDOM_TARGET = 'random'

/** The words for groups of nodes. */
export const GROUPS = [RANDOM_TARGET, 'all', 'minority'] as const

const OWNER = /^owner(?::(.+))?$/

/** Undefined if the fault takes no such target. */
export function parseTarget({ on }: Pick<Fault, 'on'>, text: string): Target | undefined {
  if (on.includes('edge')) return parseEdgesTarget(text)
  if (on.includes('partition')) return parseNodesTarget(text)
  if (text === STORE) return on.includes('store') ? { type: 'store' } : undefined
  return on.includes('node') ? parseNodesTarget(text) : undefined
}

function parseEdgesTarget(text: string): EdgesTarget | undefined {
  if (text === RANDOM_TARGET) return { type: 'random-edge' }
  const ends = parseEdges(text)
  return ends && { type: 'edges', ends }
}

function parseNodesTarget(text: string): NodesTarget {
  const group = GROUPS.find((each) => each === text)
  if (group !== undefined) return { type: group }
  const owner = OWNER.exec(text)
  if (owner !== null) return { type: 'owner', user: owner[1] }
  return { type: 'named', names: [...new Set(text.split(',').map((name) => name.trim()))] }
}

/** The error for a target that can't be parsed. */
export function unfit({ kind, on }: Pick<Fault, 'kind' | 'on'>, text: string): string {
  return on.includes('edge') ? `"${text}" is no edge` : `${kind} falls on a ${on.join(' or a ')}, and "${text}" is none`
}

/** The largest number of nodes that leaves a majority. */
export function minorityOf(nodes: number): number {
  return Math.floor((nodes - 1) / 2)
}
