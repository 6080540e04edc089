/** The balancer's view of one node: its URL, its standing, and the requests in flight there. */
import assert from 'node:assert'
import { Agent } from 'node:http'
import type { UpstreamAddress } from '../config/upstream-list.ts'
import type { ProbeOutcome, Standing } from './health.ts'
import type { KeyedRoutes } from './keyed-routes.ts'

export interface UpstreamLimits {
  readonly upstreamSocketsMax: number
  readonly upstreamInFlightMax: number
  readonly upstreamIdleMs: number
}

/** With a smaller share it would hardly get a request, and never warm up. */
const SHARE_MIN = 0.1

/** A transport's own connections to it. */
export interface KeptConnections {
  closeIdle(): void
  /** Breaks the requests in flight. */
  destroy(): void
}

/** A request in flight at an upstream. */
export interface Holder {
  /** Its index in the upstream's list. Set by the upstream alone. */
  place: number
  /** The upstream is lost: the request should go elsewhere, though this upstream may still carry it out. */
  reassign(reason: string): void
}

/** A WebSocket that is open to an upstream. */
export interface HeldTunnel {
  /** Tells its client to reconnect, and closes it soon. */
  leave(): void
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
  /** Whether it is no longer one of the upstreams, and only finishes its requests. Set by the pool alone. */
  isGone = false
  /** The node's incarnation, as the node reports it; undefined if it does not. Set by the pool alone. */
  incarnation: string | undefined
  /** How its last probe ended. Set by the pool alone. */
  probeResult: ProbeOutcome['result'] | undefined
  /** Whether it is suspected: a probe has waited too long. Set by the pool alone. */
  suspected = false
  /** The routes where it honours keys, as the node reports. Set by the pool alone. */
  keyedRoutes: KeyedRoutes | undefined
  /**
   * The requests in flight, in no order. Not a Set: V8 replaces its table after every few changes, and each old table refers to the next.
   * A table in the old generation keeps all later ones and their requests alive until the next major collection.
   */
  readonly #holders: Holder[] = []
  /** Requests that have, or wait for, a connection. */
  inFlight = 0
  readonly #tunnels = new Set<HeldTunnel>()
  weight: number
  /** The credit of smooth weighted round robin. Set by routing alone. */
  turn = 0
  /** Called when a request left, so that a waiting one can take its place. Set by the balancer alone. */
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

  hold(holder: Holder): void {
    holder.place = this.#holders.push(holder) - 1
  }

  release(holder: Holder): void {
    assert(this.#holders[holder.place] === holder, 'a request leaves its upstream once')
    const last = this.#holders.pop()
    if (last === undefined || last === holder) return
    this.#holders[holder.place] = last
    last.place = holder.place
  }

  /** Its requests should go elsewhere. */
  lose(reason: string): void {
    // Those that go are removed meanwhile.
    for (const holder of this.#holders.slice()) holder.reassign(reason)
  }

  entered(): void {
    this.inFlight += 1
  }

  left(): void {
    this.inFlight -= 1
    this.onRoom?.(this)
  }

  get tunnels(): number {
    return this.#tunnels.size
  }

  joined(tunnel: HeldTunnel): void {
    this.#tunnels.add(tunnel)
  }

  parted(tunnel: HeldTunnel): void {
    this.#tunnels.delete(tunnel)
  }

  /** From now on its share grows to its weight: its caches are cold and its code is not compiled yet. */
  warmUp(nowMs: number, forMs: number): void {
    this.#warming = forMs > 0 ? { sinceMs: nowMs, forMs } : undefined
  }

  /** Its share of new requests: its weight, or less while it warms up. */
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

  /** An ejected upstream may have vanished silently, so its idle connections may be dead. */
  closeIdle(): void {
    this.kept?.closeIdle()
    for (const sockets of Object.values(this.agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy()
    }
  }

  /**
   * Closes its connections, and so breaks what is under way there. WebSockets are told to reconnect first. Requests that wait for a
   * connection open others, as later ones do.
   */
  cut(): void {
    for (const tunnel of this.#tunnels) tunnel.leave()
    this.agent.destroy()
    this.kept?.destroy()
  }
}
