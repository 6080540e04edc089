/**
 * Which address to dial next, and when. A node dials each address until it has a link to the node behind it, with growing,
 * jittered pauses, so that a node that comes back is found soon, and not by all others at the same instant. Behind a DNS
 * name, addresses come and go, and only the answer tells which node is at one. So while a node is missing, the name is looked up again and
 * again, and each address is tried that may be the missing one's.
 */
import { lookup as dnsLookup } from 'node:dns/promises'
import { type Address, shown } from './address.ts'
import type { Whereabouts } from './location.ts'

export interface DialAttempt {
  readonly address: Address
  /** The node that should answer there, if known. */
  readonly expected: string | undefined
}

/** The outcome, once the link stands or has failed. */
export type DialOutcome =
  | { readonly kind: 'linked'; readonly name: string }
  /** Answered, and this node or the other did not want the link. */
  | { readonly kind: 'declined'; readonly name: string | undefined }
  | { readonly kind: 'itself' }
  | { readonly kind: 'failed' }

export type Lookup = (host: string) => Promise<readonly string[]>

export interface DiallingOptions {
  readonly whereabouts: Whereabouts
  readonly self: string
  readonly isLinked: (name: string) => boolean
  /** Whether it is dialled again and again, and not only when it asks for it. */
  readonly isWanted: (name: string) => boolean
  /** No node is missing: each that the mesh has is linked. */
  readonly isComplete: () => boolean
  readonly dial: (attempt: DialAttempt, done: (outcome: DialOutcome) => void) => void
  readonly lookup?: Lookup | undefined
  /** From 0 to 1. */
  readonly chance: () => number
}

export interface Dialling {
  start(): void
  /** Dials that node at once; `host` is where it was seen. */
  hurry(name: string, host?: string): void
  stop(): void
}

interface Target {
  readonly address: Address
  name: string | undefined
  itself: boolean
  failures: number
  busy: boolean
  timer: NodeJS.Timeout | undefined
}

const PAUSE_MIN_MS = 50
const PAUSE_MAX_MS = 1_000
const LOOKUP_EVERY_MS = 1_000
/** Of one DNS name; a cluster has fewer nodes. */
const ADDRESSES_MAX = 64

const systemLookup: Lookup = async (host) => (await dnsLookup(host, { all: true })).map(({ address }) => address)

export function dialling(options: DiallingOptions): Dialling {
  const { whereabouts, self, isLinked, isWanted, isComplete, dial, lookup = systemLookup, chance } = options
  const targets = new Map<string, Target>()
  /** Undefined while no further look is planned. */
  let refresher: NodeJS.Timeout | undefined
  let isLooking = false
  let stopped = false

  const attempt = (target: Target): void => {
    clearTimeout(target.timer)
    if (stopped || target.busy || target.itself) return
    if (target.name !== undefined && isLinked(target.name)) return
    target.busy = true
    dial({ address: target.address, expected: whereabouts.kind === 'list' ? target.name : undefined }, (outcome) => {
      target.busy = false
      if (outcome.kind === 'itself') target.itself = true
      if (outcome.kind === 'linked' || outcome.kind === 'declined') target.name = outcome.name ?? target.name
      // The next node to be found at this address may be another one.
      if (outcome.kind === 'failed' && whereabouts.kind === 'dns') target.name = undefined
      if (outcome.kind === 'linked') target.failures = 0
      else again(target)
    })
  }

  const again = (target: Target): void => {
    if (stopped || targets.get(shown(target.address)) !== target) return
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(target.failures++, 10))
    if (target.name === undefined ? isComplete() : !isWanted(target.name)) return
    target.timer = setTimeout(() => attempt(target), pauseMs * (0.5 + chance() / 2)).unref()
  }

  const add = (address: Address, name: string | undefined): void => {
    const key = shown(address)
    if (targets.has(key) || targets.size >= ADDRESSES_MAX) return
    const target = { address, name, itself: false, failures: 0, busy: false, timer: undefined }
    targets.set(key, target)
    if (name === undefined || isWanted(name)) attempt(target)
  }

  const refresh = async (at: Address): Promise<void> => {
    refresher = undefined
    isLooking = true
    const found = await lookup(at.host).catch(() => undefined)
    isLooking = false
    if (stopped) return
    // When the resolver fails, the addresses known so far stay.
    for (const host of found ?? []) add({ host, port: at.port }, undefined)
    for (const [key, { address, name, timer }] of targets) {
      if (found === undefined || found.includes(address.host) || (name !== undefined && isLinked(name))) continue
      clearTimeout(timer)
      targets.delete(key)
    }
    if (!isComplete()) refresher = setTimeout(() => void refresh(at), LOOKUP_EVERY_MS).unref()
  }

  return {
    start() {
      if (whereabouts.kind === 'dns') void refresh(whereabouts.at)
      else for (const [name, address] of whereabouts.addresses) if (name !== self) add(address, name)
    },

    hurry(name, host) {
      if (host !== undefined && whereabouts.kind === 'dns') add({ host, port: whereabouts.at.port }, undefined)
      for (const target of targets.values()) {
        if (target.name !== name && (target.name !== undefined || whereabouts.kind === 'list')) continue
        target.failures = 0
        attempt(target)
      }
      const isLookDue = refresher === undefined && !isLooking && !isComplete()
      if (whereabouts.kind === 'dns' && isLookDue && !stopped) void refresh(whereabouts.at)
    },

    stop() {
      stopped = true
      clearTimeout(refresher)
      for (const { timer } of targets.values()) clearTimeout(timer)
    },
  }
}
