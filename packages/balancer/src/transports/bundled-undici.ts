/**
 * undici as it comes with Node. Node has no module of that name, but keeps the dispatcher that `fetch` uses where the package of
 * that name would look for it, so that the two can share one; its class is all that is needed. One that is of another make than
 * expected is noticed here, at the start, and not by requests.
 */
import assert from 'node:assert'
import type { Socket } from 'node:net'

export interface DispatchOptions {
  readonly origin: string
  readonly method: string
  readonly path: string
  readonly headers: unknown
  readonly body?: unknown
}

/** In the form that takes headers as they came, and costs the least. */
export interface DispatchHandler {
  onConnect(abort: () => void): void
  onHeaders(status: number, rawHeaders: readonly Buffer[], resume: () => void, message: string): boolean
  /** False: the next one after `resume`. */
  onData(piece: Buffer): boolean
  onComplete(): void
  onError(error: NodeJS.ErrnoException): void
}

export interface UndiciAgent {
  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean
  /** Takes no more, and closes each connection when it has nothing to do. */
  close(): Promise<void>
  destroy(): Promise<void>
}

export interface UndiciAgentOptions {
  /** Most connections to one origin. */
  readonly connections: number
  readonly pipelining: number
  readonly keepAliveTimeout: number
  readonly keepAliveMaxTimeout: number
  /** Of an answer, in bytes. */
  readonly maxHeaderSize: number
  readonly headersTimeout: number
  readonly bodyTimeout: number
  readonly connect: (
    place: { readonly hostname: string; readonly port: string },
    connected: (error: Error | null, socket: Socket | null) => void,
  ) => void
}

type AgentClass = new (options: UndiciAgentOptions) => UndiciAgent

const DISPATCHER = Symbol.for('undici.globalDispatcher.1')

export function undiciAgent(options: UndiciAgentOptions): UndiciAgent {
  // To ask for any of its classes is what makes Node load it.
  assert(typeof Response === 'function')
  const dispatcher = (globalThis as { readonly [DISPATCHER]?: object })[DISPATCHER]
  assert(dispatcher !== undefined, 'this Node shows no dispatcher of fetch')
  const Agent = dispatcher.constructor as AgentClass
  assert.equal(Agent.name, 'Agent', 'the dispatcher of fetch is not the one that Node comes with')
  return new Agent(options)
}
