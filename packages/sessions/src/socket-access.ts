/** What a session layer hands to the sockets that are opened with its sessions: see sockets/. */
import type { IncomingMessage } from 'node:http'
import type { Engine } from './engine/engine.ts'
import type { SessionId } from './secrets/id.ts'

export const SOCKET_ACCESS = Symbol('ninelives socket access')

export interface SocketAccess {
  readonly engine: Engine
  /** Whether its cookies are for https only. */
  readonly secure: boolean
  readonly ids: IdsByCookie | IdsByMiddleware
  /** Why no socket can have a session of this layer. */
  readonly refused?: string | undefined
}

export interface IdsByCookie {
  readonly by: 'cookie'
  /** Those that a request came with, if they were sealed by us. */
  readonly of: (request: IncomingMessage) => readonly SessionId[]
}

/** A middleware checks the cookie. */
export interface IdsByMiddleware {
  readonly by: 'middleware'
  readonly of: (sessionId: string) => SessionId
}

/** Of `sessions()`, `expressStore()` or `fastifyStore()`. */
export interface SocketLayer {
  readonly [SOCKET_ACCESS]: SocketAccess
}
