/**
 * Whom a fault falls on. Of nodes: a name or several with commas between, `random`, `all`, `minority` (as many as can be
 * missing from a majority), `owner` of the session of a user who is logged in, or `owner:user-3`. The store is `store`. An
 * edge is `balancer>a`, `a>b`, `a>store` or `store>replica`, with `*` for anyone at either end. What is random, the seed decides.
 */
import type { Member } from '../cluster/member.ts'
import type { ClusterNode } from '../cluster/node.ts'
import { STORE } from '../cluster/store-server.ts'
import { type EdgeGroup, edgeName, type Edges } from '../edges/edges.ts'
import { ApiError } from '../errors.ts'
import type { Trace } from '../trace/trace.ts'
import type { Fault, Subject } from './fault.ts'
import { SessionOwners } from './session-owners.ts'

export interface Breakable {
  readonly nodes: readonly ClusterNode[]
  /** Absent where it is none of the lab's. */
  readonly store?: Member | undefined
  /** Absent without proxies on them. */
  readonly edges?: Edges | undefined
}

export const RANDOM_TARGET = 'random'
export const ALL = 'all'
export const MINORITY = 'minority'
export const OWNER = /^owner(?::(.+))?$/

export class Targets {
  readonly #breakable: Breakable
  readonly #random: () => number
  readonly #owners: SessionOwners

  constructor(breakable: Breakable, trace: Trace, random: () => number) {
    this.#breakable = breakable
    this.#random = random
    this.#owners = new SessionOwners()
    trace.listen((event) => this.#owners.take(event))
  }

  /** One at least. Throws ApiError when there is none, or none that the fault fits. */
  choose(fault: Fault, target: string): readonly Subject[] {
    if (fault.on.includes('edge')) return [requireFit(fault, this.#edge(target))]
    if (fault.on.includes('partition')) return [requireFit(fault, this.#around(fault, target))]
    if (target === STORE) return [requireFit(fault, this.#store(fault))]
    if (!fault.on.includes('node')) throw unfit(fault, target)
    return this.#nodes(fault, target)
  }

  #edge(target: string): EdgeGroup {
    const edges = this.#requireEdges()
    const group = target === RANDOM_TARGET ? edges.random(this.#random) : edges.find(target)
    if (group === undefined)
      throw new ApiError(422, 'WRONG_TARGET', `"${target}" is no edge; one is like ${known(edges)}`)
    if (group.name !== '') return group
    throw new ApiError(404, 'UNKNOWN_EDGE', `there is no edge "${target}"; there are ${known(edges)}`)
  }

  #around(fault: Fault, target: string): EdgeGroup {
    const names = this.#nodes(fault, target).map(({ name }) => name)
    const group = this.#requireEdges().around(names)
    if (group.units().length > 0) return group
    throw new ApiError(409, 'NOTHING_TO_CUT', `nothing leads from ${names.join(',')} to another node or to the store`)
  }

  #requireEdges(): Edges {
    const { edges } = this.#breakable
    if (edges !== undefined) return edges
    throw new ApiError(409, 'NO_EDGES', 'there are no proxies on the edges: start the lab with --edges on')
  }

  #store(fault: Fault): Subject {
    const { store } = this.#breakable
    if (!fault.on.includes('store')) throw unfit(fault, STORE)
    if (store === undefined) throw new ApiError(409, 'NO_STORE', 'there is no store that the lab started')
    return store
  }

  #nodes(fault: Fault, target: string): readonly Subject[] {
    const { nodes } = this.#breakable
    const isGroup = target === RANDOM_TARGET || target === ALL || target === MINORITY
    if (!isGroup) return this.#named(target).map((node) => requireFit(fault, node))
    const fitting = nodes.filter(({ life }) => fault.needs.includes(life))
    if (fitting.length === 0) throw conflict(fault, 'every one', 'something else')
    if (target === ALL) return fitting
    const wanted = target === RANDOM_TARGET ? 1 : minorityOf(nodes.length)
    if (wanted === 0) throw new ApiError(409, 'NO_MINORITY', `of ${nodes.length} nodes none is a minority`)
    return draw(fitting, wanted, this.#random)
  }

  #named(target: string): readonly ClusterNode[] {
    const { nodes } = this.#breakable
    const owner = OWNER.exec(target)
    const wanted = owner === null ? target.split(',').map((name) => name.trim()) : [this.#owner(owner[1])]
    return [...new Set(wanted)].map((name) => {
      const node = nodes.find((each) => each.name === name)
      if (node !== undefined) return node
      const names = nodes.map((each) => each.name).join(', ')
      throw new ApiError(404, 'UNKNOWN_NODE', `there is no node "${name}"; there are ${names}, or ${RANDOM_TARGET}`)
    })
  }

  #owner(user: string | undefined): string {
    const owner = user === undefined ? this.#owners.random(this.#random) : this.#owners.of(user)
    if (owner !== undefined) return owner
    throw new ApiError(
      409,
      'NO_SESSION',
      `${user ?? 'nobody'} is ${user === undefined ? '' : 'not '}logged in just now`,
    )
  }
}

function known({ all }: Edges): string {
  return all.map(edgeName).join(', ')
}

function draw<T>(from: readonly T[], howMany: number, random: () => number): T[] {
  const left = [...from]
  const drawn: T[] = []
  while (drawn.length < howMany && left.length > 0) drawn.push(...left.splice(Math.floor(random() * left.length), 1))
  return drawn
}

function requireFit<S extends Subject>(fault: Fault, subject: S): S {
  if (fault.needs.includes(subject.life)) return subject
  throw conflict(fault, subject.name, subject.life)
}

export function minorityOf(nodes: number): number {
  return Math.floor((nodes - 1) / 2)
}

export function unfit({ kind, on }: Fault, target: string): ApiError {
  return new ApiError(422, 'WRONG_TARGET', `${kind} falls on a ${on.join(' or a ')}, and "${target}" is none`)
}

function conflict(fault: Fault, name: string, state: string): ApiError {
  const needs = fault.needs.join(' or ')
  const what = fault.on.includes('store') && !fault.on.includes('node') ? 'store' : 'node'
  return new ApiError(409, 'NODE_STATE', `${fault.kind} needs a ${what} that is ${needs}; ${name} is ${state}`)
}
