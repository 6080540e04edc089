/**
 * What we use of the inside of autocannon's connections. None of it is promised by autocannon, so its version is pinned, and
 * `../../test/autocannon-canary.test.ts` notices when an upgrade changes it.
 */
import type { Socket } from 'node:net'
import autocannon from 'autocannon'

export interface AutocannonClient extends autocannon.Client {
  /** Absent until it first connects. */
  conn?: Socket
  readonly parser: { execute(chunk: Buffer): unknown; reinitialize(type: 'RESPONSE'): void }
  readonly pipelinedRequests: { clear(): void; size(): number }
  readonly destroyed: boolean
  reqsMade: number
  /** Connects, and sends a request. Called at the beginning, and whenever a connection is lost, for whatever reason. */
  _connect(): void
  _destroyConnection(): void
  /** Sends the next request. Called after connecting, and after each answer. */
  _doRequest(): void
  on(event: 'response', listener: (status: number, bytes: number, durationMs: number) => void): this
  on(event: 'headers', listener: (headers: { readonly shouldKeepAlive: boolean }) => void): this
  on(event: 'connError', listener: (error: NodeJS.ErrnoException) => void): this
  on(event: string, listener: (...args: never[]) => void): this
}

/** The methods as autocannon wrote them, for whoever overrides one on a client. */
export function originals(client: AutocannonClient): AutocannonClient {
  return Object.getPrototypeOf(client) as AutocannonClient
}

export interface Cannon {
  readonly clients: readonly AutocannonClient[]
  /** Destroys the connections. Resolves when autocannon is done. */
  readonly stop: () => Promise<void>
}

const ANSWER_TIMEOUT_S = 5
/** It ends when it is told to; this is what it gets to hear instead. */
const DURATION_MAX_S = 1_000_000
const SAMPLE_EVERY_MS = 50

/**
 * So many connections, each given to `setup` before it sends anything. Without a rate of autocannon's: with one it would send in
 * bursts, and correct for coordinated omission by taking seconds for milliseconds.
 */
export function cannon(
  url: string,
  connections: number,
  setup: (client: AutocannonClient, index: number) => void,
): Cannon {
  const clients: AutocannonClient[] = []
  const instance = autocannon({
    url,
    connections,
    duration: DURATION_MAX_S,
    timeout: ANSWER_TIMEOUT_S,
    sampleInt: SAMPLE_EVERY_MS,
    skipAggregateResult: true,
    setupClient(client) {
      const own = client as AutocannonClient
      setup(own, clients.push(own) - 1)
    },
  }) as unknown as autocannon.Instance & Promise<unknown>
  return {
    clients,
    async stop() {
      instance.stop()
      await instance
    },
  }
}
