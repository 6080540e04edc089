/** The connections that undici keeps to one upstream. */
import { connect } from 'node:net'
import type { buildConnector, Pool } from 'undici'
import { CONNECTED_TO_ITSELF, isSelfConnected } from '../upstreams/refusal.ts'
import type { KeptConnections } from '../upstreams/upstream.ts'

export interface UndiciLimits {
  readonly connectTimeoutMs: number
  readonly upstreamSocketsMax: number
  readonly upstreamIdleMs: number
  readonly answerHeaderBytesMax: number
}

export class UndiciConnections implements KeptConnections {
  /** While a connection reports its error, undici takes an answer that ends with its connection for a complete one. */
  breaking = false
  /** Whether a node said 100 Continue to a request without `Expect`, which HTTP allows and undici does not understand. */
  sawUnaskedContinue = false
  readonly #url: string
  readonly #limits: UndiciLimits
  readonly #PoolClass: typeof Pool
  /** Pools that finish their requests and take no new ones. */
  readonly #closing = new Set<Pool>()
  #pool: Pool | undefined

  constructor(url: string, limits: UndiciLimits, PoolClass: typeof Pool) {
    this.#url = url
    this.#limits = limits
    this.#PoolClass = PoolClass
  }

  /** Not an Agent: once that is told to close, it knows its connections no more and can't destroy them. */
  get pool(): Pool {
    this.#pool ??= new this.#PoolClass(this.#url, {
      connections: this.#limits.upstreamSocketsMax,
      pipelining: 1,
      keepAliveTimeout: this.#limits.upstreamIdleMs,
      keepAliveMaxTimeout: this.#limits.upstreamIdleMs,
      maxHeaderSize: this.#limits.answerHeaderBytesMax,
      // The attempt has timeouts of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: ({ hostname, port }, connected) => this.#connect(hostname, Number(port), connected),
    })
    return this.#pool
  }

  closeIdle(): void {
    const pool = this.#pool
    this.#pool = undefined
    if (pool === undefined) return
    this.#closing.add(pool)
    void pool.close().finally(() => this.#closing.delete(pool))
  }

  destroy(): void {
    for (const pool of [this.#pool, ...this.#closing]) void pool?.destroy()
    this.#pool = undefined
  }

  #connect(hostname: string, port: number, connected: buildConnector.Callback): void {
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const socket = connect({ host, port, noDelay: true, keepAlive: true })
    const settle = (error: Error | null) => {
      socket.setTimeout(0)
      socket.off('error', settle)
      if (error !== null) socket.destroy()
      connected(...(error === null ? ([null, socket] as const) : ([error, null] as const)))
    }
    socket.setTimeout(this.#limits.connectTimeoutMs, () => settle(new Error('connect timeout')))
    socket.once('error', settle)
    socket.once('connect', () => {
      socket.on('error', () => this.#breaks())
      settle(isSelfConnected(socket) ? new Error(CONNECTED_TO_ITSELF) : null)
    })
  }

  /** True before undici handles the event, and false after. */
  #breaks(): void {
    this.breaking = true
    process.nextTick(() => (this.breaking = false))
  }
}
