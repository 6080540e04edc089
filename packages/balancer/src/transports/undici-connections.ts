/** The connections that undici keeps to one upstream. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { undiciAgent } from './bundled-undici.ts'
import type { UndiciAgent } from './bundled-undici.ts'
import { CONNECTED_TO_ITSELF, isSelfConnected } from '../upstreams/refusal.ts'
import type { KeptConnections } from '../upstreams/upstream.ts'

export interface UndiciLimits {
  readonly connectTimeoutMs: number
  readonly upstreamSocketsMax: number
  readonly upstreamIdleMs: number
  readonly answerHeaderBytesMax: number
}

export class UndiciConnections implements KeptConnections {
  /** While a connection tells of its error, undici takes an answer that lasts as long as its connection for a whole one. */
  breaking = false
  /** Whether a node said 100 Continue to a request without `Expect`, which HTTP allows and undici does not understand. */
  sawUnaskedContinue = false
  readonly #limits: UndiciLimits
  /** Those that finish what they have. */
  readonly #closing = new Set<UndiciAgent>()
  #agent: UndiciAgent | undefined

  constructor(limits: UndiciLimits) {
    this.#limits = limits
  }

  get agent(): UndiciAgent {
    this.#agent ??= undiciAgent({
      connections: this.#limits.upstreamSocketsMax,
      pipelining: 1,
      keepAliveTimeout: this.#limits.upstreamIdleMs,
      keepAliveMaxTimeout: this.#limits.upstreamIdleMs,
      maxHeaderSize: this.#limits.answerHeaderBytesMax,
      // Whoever began the request watches over its time.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: ({ hostname, port }, connected) => this.#connect(hostname, Number(port), connected),
    })
    return this.#agent
  }

  closeIdle(): void {
    const agent = this.#agent
    this.#agent = undefined
    if (agent === undefined) return
    this.#closing.add(agent)
    void agent.close().finally(() => this.#closing.delete(agent))
  }

  destroy(): void {
    for (const agent of [this.#agent, ...this.#closing]) void agent?.destroy()
    this.#agent = undefined
  }

  #connect(hostname: string, port: number, connected: (error: Error | null, socket: Socket | null) => void): void {
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const socket = connect({ host, port, noDelay: true, keepAlive: true })
    const settle = (error: Error | null) => {
      socket.setTimeout(0)
      socket.off('error', settle)
      if (error !== null) socket.destroy()
      connected(error, error === null ? socket : null)
    }
    socket.setTimeout(this.#limits.connectTimeoutMs, () => settle(new Error('connect timeout')))
    socket.once('error', settle)
    socket.once('connect', () => {
      socket.on('error', () => this.#breaks())
      settle(isSelfConnected(socket) ? new Error(CONNECTED_TO_ITSELF) : null)
    })
  }

  /** Said before undici hears of it, and over when it has. */
  #breaks(): void {
    this.breaking = true
    process.nextTick(() => (this.breaking = false))
  }
}
