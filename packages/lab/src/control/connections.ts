/**
 * Keeps the control port usable while some client holds many idle connections. A connection *waits* until its request has
 * arrived as a whole, and again after the answer. Waiting connections are bounded in time, per address and in total, and a new
 * one evicts the one that has waited longest. A connection whose request is being served is never closed.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface ConnectionBounds {
  readonly connectionsMax: number
  readonly waitingPerAddressMax: number
  /** Arriving bytes don't extend it. Node's own timeouts don't close a connection that has sent nothing. */
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
  /** With the number of requests being served on each: a client may pipeline. */
  const served = new Map<Socket, number>()

  const forget = (socket: Socket): void => {
    clearTimeout(waiting.get(socket)?.timer)
    waiting.delete(socket)
    served.delete(socket)
  }
  const waits = (socket: Socket): void => {
    forget(socket)
    // After a stall of this process a request may have arrived that was not read yet, and timers come first: it is read before this looks.
    const timer = setTimeout(() => setImmediate(() => endOverdue(socket, timer)), waitMaxMs)
    waiting.set(socket, { address: socket.remoteAddress ?? '', timer })
  }
  const endOverdue = (socket: Socket, timer: NodeJS.Timeout): void => {
    if (waiting.get(socket)?.timer === timer) socket.destroy()
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
