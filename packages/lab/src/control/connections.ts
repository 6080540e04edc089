/**
 * Keeps the control port open to a person while something holds connections and says nothing. A connection *waits* until its
 * request is here as a whole, and again once it was answered. Waiting connections are bounded in time, for each address and in
 * all, and the one that has waited longest makes room for a new one; a connection whose request is being served is never closed.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface ConnectionBounds {
  readonly connectionsMax: number
  readonly waitingPerAddressMax: number
  /** However often a few bytes come. Node's own timeouts don't end a connection that has sent none. */
  readonly waitMaxMs: number
}

interface Waiting {
  readonly address: string
  readonly timer: NodeJS.Timeout
}

export function boundConnections(server: Server, bounds: ConnectionBounds): void {
  const { connectionsMax, waitingPerAddressMax, waitMaxMs } = bounds
  /** In the order in which they began to wait. */
  const waiting = new Map<Socket, Waiting>()
  /** With how many requests are being served on each: a client may send the next before the first is answered. */
  const served = new Map<Socket, number>()

  const forget = (socket: Socket): void => {
    clearTimeout(waiting.get(socket)?.timer)
    waiting.delete(socket)
    served.delete(socket)
  }
  const waits = (socket: Socket): void => {
    forget(socket)
    const timer = setTimeout(() => socket.destroy(), waitMaxMs)
    waiting.set(socket, { address: socket.remoteAddress ?? '', timer })
  }
  const isServed = (socket: Socket): void => {
    const underWay = served.get(socket) ?? 0
    if (underWay === 0 && !waiting.has(socket)) return
    forget(socket)
    served.set(socket, underWay + 1)
  }
  const isAnswered = (socket: Socket): void => {
    const left = (served.get(socket) ?? 1) - 1
    if (left > 0) served.set(socket, left)
    else if (!socket.destroyed) waits(socket)
  }
  const dropLongest = (some: Iterable<Socket>): void => {
    for (const socket of some) {
      forget(socket)
      socket.destroy()
      return
    }
  }

  server.on('connection', (socket: Socket) => {
    const ofAddress = [...waiting].flatMap(([each, { address }]) => (address === socket.remoteAddress ? [each] : []))
    if (ofAddress.length >= waitingPerAddressMax) dropLongest(ofAddress)
    else if (waiting.size + served.size >= connectionsMax) dropLongest(waiting.keys())
    if (waiting.size + served.size >= connectionsMax) {
      socket.destroy()
      return
    }
    waits(socket)
    socket.once('close', () => forget(socket))
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    if (hasBody(request)) request.once('end', () => isServed(socket))
    else isServed(socket)
    response.once('close', () => isAnswered(socket))
  })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
