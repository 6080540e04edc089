/** The balancer's view of one node: where it is, how it stands, what it is doing for us. */
import { Agent } from 'node:http'
import type { Socket } from 'node:net'
import type { UpstreamAddress } from './config.ts'
import type { Standing } from './health.ts'

export interface UpstreamLimits {
  readonly upstreamSocketsMax: number
  readonly upstreamInFlightMax: number
  readonly upstreamIdleMs: number
}

export class Upstream {
  readonly name: string
  readonly url: string
  readonly target: {
    readonly protocol: 'http:'
    readonly host: string
    readonly hostname: string
    readonly port: number
  }
  readonly agent: Agent
  /** Set by the pool alone. */
  standing: Standing = 'up'
  /** Requests that have, or wait for, a connection. */
  inFlight = 0
  tunnels = 0
  readonly #inFlightMax: number

  constructor(address: UpstreamAddress, limits: UpstreamLimits) {
    const { name, url, hostname, port } = address
    this.name = name
    this.url = url
    this.target = { protocol: 'http:', host: hostname, hostname, port }
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

  get hasRoom(): boolean {
    return this.inFlight < this.#inFlightMax
  }

  /** An upstream that was ejected may have vanished without a word: its idle connections are not to be trusted. */
  closeIdle(): void {
    for (const sockets of Object.values(this.agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy()
    }
  }

  close(): void {
    this.agent.destroy()
  }
}

/**
 * A connection to a port in the kernel's ephemeral range on which nobody listens may be given that very port as its own,
 * and then connects to itself. Nobody is there, though it looks open.
 */
export function isSelfConnected(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress
}
