/**
 * Keeps the admin port open to probes and operators when other connections to it are silent. A connection waits until its request is
 * complete, and again after the answer. At the limit, a new connection evicts the one that has waited longest; a connection whose
 * request is being answered is never evicted.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { hasBody } from '../request/request-target.ts'

export interface AdminConnectionBounds {
  readonly connectionsMax: number
  /** Counted from the connection, or its last answer, however slowly the bytes of a request come. */
  readonly waitMaxMs: number
}

export function boundAdminConnections(server: Server, { connectionsMax, waitMaxMs }: AdminConnectionBounds): void {
  /** In the order in which their waits began, each with a function that ends the wait. */
  const waiting = new Map<Socket, NodeJS.Timeout>()
  const answering = new Set<Socket>()

  const forget = (socket: Socket): void => {
    clearTimeout(waiting.get(socket))
    waiting.delete(socket)
    answering.delete(socket)
  }
  const wait = (socket: Socket): void => {
    forget(socket)
    if (socket.destroyed) return
    waiting.set(
      socket,
      setTimeout(() => socket.destroy(), waitMaxMs),
    )
  }
  const makeRoom = (): boolean => {
    if (waiting.size + answering.size < connectionsMax) return true
    const [longest] = waiting.keys()
    if (longest === undefined) return false
    forget(longest)
    longest.destroy()
    return true
  }

  server.on('connection', (socket: Socket) => {
    if (!makeRoom()) return void socket.destroy()
    wait(socket)
    socket.once('close', () => forget(socket))
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    const arrived = (): void => {
      if (!waiting.has(socket)) return
      forget(socket)
      answering.add(socket)
    }
    if (hasBody(request)) request.once('end', arrived)
    else arrived()
    response.once('close', () => wait(socket))
  })
}
