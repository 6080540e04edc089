/** The balancer's view of one node: where it is, how it stands, what it is doing for us. */
import { Agent } from 'node:http'
import type { UpstreamAddress } from '../config/upstream-list.ts'
import type { Standing } from './health.ts'
import type { KeyedRoutes } from './keyed-routes.ts'

export interface UpstreamLimits {
  readonly upstreamSocketsMax: number
  readonly upstreamInFlightMax: number
  readonly upstreamIdleMs: number
}

/** With less than this it would hardly ever be tried, and never warm up. */
const SHARE_MIN = 0.1

/** What a transport keeps to it of its own. */
export interface KeptConnections {
  closeIdle(): void
  /** Breaks what is under way. */
  destroy(): void
}

/** A request that an upstream has. */
export interface Holder {
  /** The upstream is lost: the request had better be elsewhere, though this one may still act on it. */
  reassign(reason: string): void
}

export class Upstream {
  /** Set by the pool alone: an upstream is identified by its URL, and keeps all that it has when it is renamed. */
  name: string
  readonly url: string
  readonly target: {
    readonly protocol: 'http:'
    readonly host: string
    readonly hostname: string
    readonly port: number
  }
  readonly agent: Agent
  /** Set by a transport that does not use the agent. */
  kept: KeptConnections | undefined
  /** Set by the pool alone. */
  standing: Standing = 'up'
  /** Whether an operator, or a list that it left, drains it; then it is never `up`. Set by the pool alone. */
  isRetired = false
  /** Which life of the node this is, as the node itself says; undefined where it says nothing. Set by the pool alone. */
  incarnation: string | undefined
  /** Whether a probe there waits for too long. Set by the pool alone. */
  suspected = false
  /** Where it honours keys, as the node itself says. Set by the pool alone. */
  keyedRoutes: KeyedRoutes | undefined
  readonly holders = new Set<Holder>()
  /** Requests that have, or wait for, a connection. */
  inFlight = 0
  tunnels = 0
  weight: number
  /** What smooth weighted turns keep of it. Set by routing alone. */
  turn = 0
  /** Called whenever a request left, so that one that waits for room can come. Set by the balancer alone. */
  onRoom: ((upstream: Upstream) => void) | undefined
  #inFlightMax: number
  #warming: { readonly sinceMs: number; readonly forMs: number } | undefined

  constructor(address: UpstreamAddress, limits: UpstreamLimits) {
    const { name, url, hostname, port } = address
    this.name = name
    this.url = url
    this.target = { protocol: 'http:', host: hostname, hostname, port }
    this.weight = address.weight ?? 1
    this.#inFlightMax = limits.upstreamInFlightMax
    // The agent's own queue is unbounded; `inFlightMax` is what bounds it.
    this.agent = new Agent({
      keepAlive: true,
      maxSockets: limits.upstreamSocketsMax,
      maxFreeSockets: limits.upstreamSocketsMax,
      timeout: limits.upstreamIdleMs,
      scheduling: 'lifo',
    })
  }

  /** Up, and not suspected. */
  get isEligible(): boolean {
    return this.standing === 'up' && !this.suspected
  }

  get hasRoom(): boolean {
    return this.inFlight < this.#inFlightMax
  }

  entered(): void {
    this.inFlight += 1
  }

  left(): void {
    this.inFlight -= 1
    this.onRoom?.(this)
  }

  /** From now on its share grows to all of its weight: caches are cold and code is not compiled yet. */
  warmUp(nowMs: number, forMs: number): void {
    this.#warming = forMs > 0 ? { sinceMs: nowMs, forMs } : undefined
  }

  /** Its part of new requests beside the others': its weight, or less while it warms up. */
  share(): number {
    if (this.#warming === undefined) return this.weight
    const grown = (performance.now() - this.#warming.sinceMs) / this.#warming.forMs
    if (grown >= 1) this.#warming = undefined
    return this.weight * Math.min(1, Math.max(SHARE_MIN, grown))
  }

  /** Other limits, while it goes on. */
  limit(limits: UpstreamLimits): void {
    this.#inFlightMax = limits.upstreamInFlightMax
    Object.assign(this.agent, { maxSockets: limits.upstreamSocketsMax, maxFreeSockets: limits.upstreamSocketsMax })
    // The types leave `options` out.
    Object.assign((this.agent as Agent & { options: object }).options, { timeout: limits.upstreamIdleMs })
    // It reads its limits when it opens the next ones.
    this.kept?.closeIdle()
  }

  /** An upstream that was ejected may have vanished without a word: its idle connections are not to be trusted. */
  closeIdle(): void {
    this.kept?.closeIdle()
    for (const sockets of Object.values(this.agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy()
    }
  }

  /** Breaks what is under way there. */
  cut(): void {
    this.agent.destroy()
    this.kept?.destroy()
  }

  close(): void {
    this.agent.destroy()
    this.kept?.destroy()
  }
}
