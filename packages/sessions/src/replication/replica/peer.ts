/**
 * One peer of a mesh, without sockets, timers or clocks of its own: messages, ticks and links come in, messages go out.
 *
 *     acknowledged is kept    a change is committed when every live replica of the view has it (changes.ts), and only who
 *                             has all of them becomes full (fetching.ts) and is carried over into the next view
 *     you read what you wrote every read is of the last committed change: from own memory under a lease (lease.ts) and
 *                             with no change of the key pending, else from a full replica
 *     two tabs lose nothing   of two changes on one version at most one commits, the other is told (changes.ts)
 *     logout is final         a fence is a change like any other; what it outranks is refused by each that has it, and
 *                             who has it not is not in the view
 *     no return from the dead a process that starts again has another incarnation, is no member until a view lists it, and
 *                             is never full before it has fetched everything (views.ts, ballots.ts, succession.ts)
 *     only one side goes on   views and leases need a majority of all names (ballots.ts); the other side refuses
 *
 * Rejected: quorum reads and writes (every read leaves the process); a primary for each key with a log (a hop for two thirds
 * of all writes, and a log to trim); last writer wins and CRDTs (no compare-and-set, and a logout that may come undone);
 * asynchronous copies with the version in the cookie (a node's death loses what only it had acknowledged); clocks that agree.
 */
import { MeshPeer } from './mesh-peer.ts'
import type { Peer, PeerOptions } from './peer-surface.ts'
import { placement } from '../context/placement.ts'
import { NAMES_MAX } from '../wire/ranks.ts'
import { rules as standardRules, type Rules } from '../context/rules.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { standardTiming, type Timing } from '../context/timing.ts'

export type { MeshClock, PeerEvent } from '../context/peer-context.ts'
export type { Done, Peer, PeerOptions, PeerStatus } from './peer-surface.ts'
export { NAMES_MAX } from '../wire/ranks.ts'
export { TICK_MS } from '../context/timing.ts'

/** What a simulation may change, and nothing else: see rules.ts and timing.ts. */
export interface SimulationOverrides {
  readonly rules?: Rules
  readonly timing?: Timing
}

export function peer(options: PeerOptions, overrides: SimulationOverrides = {}): Peer {
  return new MeshPeer(contextOf(options, overrides))
}

function contextOf(
  options: PeerOptions,
  { rules = standardRules, timing = standardTiming }: SimulationOverrides,
): PeerContext {
  const names = [...options.names].sort()
  const rank = names.indexOf(options.name)
  if (rank < 0 || names.length > NAMES_MAX || new Set(names).size !== names.length) {
    throw new RangeError(
      `a mesh takes up to ${NAMES_MAX} names, each once, "${options.name}" among them: ${names.join()}`,
    )
  }
  const { incarnation, clock, random, send, onEvent, recordsMax = 1_000_000 } = options
  return {
    names,
    rank,
    incarnation,
    majority: Math.floor(names.length / 2) + 1,
    clock,
    random,
    rules,
    timing,
    placement: placement(names, options.copies, timing.buckets),
    recordsMax,
    post: (to, message) => send(names[to] as string, message),
    emit: (event) => onEvent?.(event),
  }
}
