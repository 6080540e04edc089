/**
 * One peer of a mesh, without sockets, timers or clocks of its own: messages, ticks and links come in, messages go out.
 * PROTOCOL.md describes the protocol, its invariants, and what was rejected.
 */
import { MeshPeer } from './mesh-peer.ts'
import type { Peer, PeerOptions } from './peer-surface.ts'
import { placement } from '../context/placement.ts'
import { bit, NAMES_MAX } from '../wire/ranks.ts'
import { Agenda } from '../context/agenda.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { standardTiming, type Timing } from '../context/timing.ts'

export type { PeerEvent } from '../context/peer-context.ts'
export type { Peer, PeerOptions, PeerStatus } from './peer-surface.ts'

/** For simulations. A mesh in production always has `standardTiming`. */
export interface SimulationOverrides {
  readonly timing?: Timing
}

export function peer(options: PeerOptions, overrides: SimulationOverrides = {}): Peer {
  const agenda = new Agenda(options.onDue)
  return new MeshPeer(contextOf(options, overrides, agenda), agenda)
}

function contextOf(
  options: PeerOptions,
  { timing = standardTiming }: SimulationOverrides,
  agenda: Agenda,
): PeerContext {
  const names = [...options.names].sort()
  const rank = names.indexOf(options.name)
  if (rank < 0 || names.length > NAMES_MAX || new Set(names).size !== names.length) {
    throw new RangeError(
      `a mesh takes up to ${NAMES_MAX} names, each once, "${options.name}" among them: ${names.join()}`,
    )
  }
  const { incarnation, clock, random, send, onEvent, recordsMax = 1_000_000, founders = names } = options
  const isResizable = options.founders !== undefined
  if (founders.some((name) => !names.includes(name)))
    throw new RangeError('the names that found a mesh are among its names')
  if (isResizable && options.copies !== 'all')
    throw new RangeError('members come and go only where every member has every session')
  return {
    names,
    rank,
    incarnation,
    founders: founders.reduce((set, name) => set | bit(names.indexOf(name)), 0),
    isResizable,
    clock,
    random,
    timing,
    placement: placement(names, options.copies, timing.buckets),
    recordsMax,
    post: (to, message) => send(names[to] as string, message),
    due: (atMs) => agenda.at(atMs),
    emit: (event) => onEvent?.(event),
  }
}
