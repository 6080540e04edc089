/** Finds the processes and edges of a running cluster for a target. Random choices come from the seed. */
import type { Member, NodeMember } from '../cluster/member.ts'
import { type EdgeGroup, edgeName, type Edges } from '../edges/edges.ts'
import { ApiError } from '../errors.ts'
import type { Trace } from '../trace/trace.ts'
import type { Fault, Subject } from './contract/fault.ts'
import { SessionOwners } from './session-owners.ts'
import { type EdgesTarget, minorityOf, type NodesTarget, parseTarget, RANDOM_TARGET, unfit } from './target.ts'

export interface Breakable {
  readonly nodes: readonly NodeMember[]
  /** Absent if the lab did not start it. */
  readonly store?: Member | undefined
  /** A store that is a file, if it can lose its power. */
  readonly storeFile?: Subject | undefined
  /** Absent without proxies. */
  readonly edges?: Edges | undefined
  /** Why this cluster can't have such a fault. Absent where it can have all. */
  refuses?(kind: string): string | undefined
}

export class Targets {
  readonly #breakable: Breakable
  readonly #trace: Trace
  readonly #random: () => number
  readonly #owners: SessionOwners

  constructor(breakable: Breakable, trace: Trace, random: () => number) {
    this.#breakable = breakable
    this.#trace = trace
    this.#random = random
    this.#owners = new SessionOwners()
    trace.listen((event) => this.#owners.take(event))
  }

  /**
   * At least one. Throws ApiError if there is none, or none in a state for that fault. `random` and `minority` avoid what has an armed
   * fault, which may end the process first, unless too few others fit.
   */
  choose(fault: Fault, text: string, armed: ReadonlySet<string>): readonly Subject[] {
    const refusal = this.#breakable.refuses?.(fault.kind)
    if (refusal !== undefined) throw new ApiError(409, 'NOT_HERE', `there is no ${fault.kind} here: ${refusal}`)
    const target = parseTarget(fault, text)
    if (target === undefined) {
      throw new ApiError(422, 'WRONG_TARGET', `${unfit(fault, text)}${this.#edgesHint(fault)}`)
    }
    switch (target.type) {
      case 'store':
        return [requireFit(fault, this.#requireStore(fault))]
      case 'edges':
      case 'random-edge':
        return [requireFit(fault, this.#edgeGroup(target, text))]
      case 'named':
      case 'random':
      case 'all':
      case 'minority':
      case 'owner':
        return fault.on.includes('partition')
          ? [requireFit(fault, this.#around(this.#nodes(fault, target, armed)))]
          : this.#nodes(fault, target, armed)
    }
  }

  #edgeGroup(target: EdgesTarget, text: string): EdgeGroup {
    const edges = this.#requireEdges()
    const group = target.type === 'random-edge' ? edges.random(this.#random) : edges.find(target.ends)
    if (group.name !== '') return group
    throw new ApiError(404, 'UNKNOWN_EDGE', `there is no edge "${text}"; there are ${listed(edges)}`)
  }

  #around(nodes: readonly Subject[]): EdgeGroup {
    const names = nodes.map(({ name }) => name)
    const group = this.#requireEdges().around(names)
    if (group.units().length > 0) return group
    throw new ApiError(409, 'NOTHING_TO_CUT', `nothing leads from ${names.join(',')} to another node or to the store`)
  }

  #requireEdges(): Edges {
    const { edges } = this.#breakable
    if (edges !== undefined) return edges
    throw new ApiError(409, 'NO_EDGES', 'there are no proxies on the edges: start the lab with --edges on')
  }

  #requireStore({ isOfFiles }: Fault): Subject {
    const { store, storeFile } = this.#breakable
    if (store !== undefined) return store
    if (isOfFiles === true && storeFile !== undefined) return storeFile
    throw new ApiError(409, 'NO_STORE', 'there is no store that the lab started')
  }

  #nodes(fault: Fault, target: NodesTarget, armed: ReadonlySet<string>): readonly NodeMember[] {
    if (target.type === 'named') return target.names.map((name) => requireFit(fault, this.#named(name)))
    if (target.type === 'owner') return [requireFit(fault, this.#named(this.#owner(target.user)))]
    const { nodes } = this.#breakable
    const fitting = nodes.filter(({ life }) => fault.needs.includes(life))
    if (fitting.length === 0) throw conflict(fault, 'every one', 'something else')
    if (target.type === 'all') return fitting
    const wanted = target.type === 'random' ? 1 : minorityOf(nodes.length)
    if (wanted === 0) throw new ApiError(409, 'NO_MINORITY', `${nodes.length} nodes have no minority`)
    const waitsForRequest = fault.landsWith !== undefined && target.type === 'random'
    const able = waitsForRequest ? this.#serving(fitting) : fitting
    const free = able.filter(({ name }) => !armed.has(name))
    return draw(free.length < wanted ? able : free, wanted, this.#random)
  }

  /**
   * Those that have at least half of their fair share of the logged-in users; all, while there are no users. With cookie affinity, a node
   * that is back has hardly any, and a fault that lands with a request would wait there in vain.
   */
  #serving(nodes: readonly NodeMember[]): readonly NodeMember[] {
    const upSinceMs = new Map(this.#trace.state.nodes.map(({ name, sinceMs }) => [name, sinceMs]))
    const users = nodes.map(({ name }) => this.#owners.usersAt(name, upSinceMs.get(name) ?? 0))
    const fairShare = users.reduce((sum, each) => sum + each, 0) / nodes.length
    return nodes.filter((_node, index) => (users[index] ?? 0) >= fairShare / 2)
  }

  #named(name: string): NodeMember {
    const { nodes } = this.#breakable
    const node = nodes.find((each) => each.name === name)
    if (node !== undefined) return node
    const names = nodes.map((each) => each.name).join(', ')
    throw new ApiError(404, 'UNKNOWN_NODE', `there is no node "${name}"; there are ${names}, or ${RANDOM_TARGET}`)
  }

  #owner(user: string | undefined): string {
    const owner = user === undefined ? this.#owners.random(this.#random) : this.#owners.of(user)
    if (owner !== undefined) return owner
    const reason = user === undefined ? 'no user is logged in just now' : `${user} is not logged in just now`
    throw new ApiError(409, 'NO_SESSION', reason)
  }

  /** The error for a target that should have been an edge. */
  #edgesHint({ on }: Fault): string {
    return on.includes('edge') ? `; one is like ${listed(this.#requireEdges())}` : ''
  }
}

function listed({ all }: Edges): string {
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

function conflict(fault: Fault, name: string, state: string): ApiError {
  const needs = fault.needs.join(' or ')
  const what = fault.on.includes('store') && !fault.on.includes('node') ? 'store' : 'node'
  return new ApiError(409, 'NODE_STATE', `${fault.kind} needs a ${what} that is ${needs}; ${name} is ${state}`)
}
