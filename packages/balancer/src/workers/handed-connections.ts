/**
 * A worker's side of the connections that its parent hands to it: it marks those with a request in flight, and reports which it took and
 * which are closed. Connections that no other process can take over are marked from the start: those by TLS, whose keys die with this
 * process, and those that begin with a header of the PROXY protocol.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Entrance } from '../clients/client-listeners.ts'
import type { ConnectionMarks } from './connection-marks.ts'
import type { ClientServer } from '../clients/client-server.ts'

export interface HandedConnectionsOptions {
  readonly marks: ConnectionMarks
  readonly accept: (entrance: Entrance, socket: Socket) => void
  /** Whether connections are bound to this process from their first byte on. */
  readonly isBound: boolean
  readonly connectionsMax: () => number
  readonly refused: () => void
  readonly report: (took: number, closed: readonly number[]) => void
}

interface Handed {
  readonly slot: number
  requests: number
}

export class HandedConnections {
  readonly #options: HandedConnectionsOptions
  readonly #handed = new Map<Socket, Handed>()
  #took = 0
  #closed: number[] = []
  #isReporting = false

  constructor(options: HandedConnectionsOptions) {
    this.#options = options
  }

  /** `socket`: undefined where the connection was gone before it arrived. */
  take(slot: number, entrance: Entrance, socket: Socket | undefined): void {
    this.#took += 1
    this.#reportSoon()
    if (socket === undefined) return this.#isClosed(slot)
    socket.once('close', () => {
      this.#handed.delete(socket)
      this.#isClosed(slot)
    })
    if (this.#handed.size >= this.#options.connectionsMax()) {
      this.#options.refused()
      return void socket.destroy()
    }
    if (this.#options.isBound) this.#options.marks.set(slot, true)
    this.#handed.set(socket, { slot, requests: 0 })
    // As an HTTP server sets it for its own connections.
    socket.allowHalfOpen = true
    socket.setNoDelay(true)
    this.#options.accept(entrance, socket)
  }

  /** Marks the requests of this server's connections, before any other listener, so that none begins unmarked. */
  watch(server: ClientServer): void {
    const begins = (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request
      this.#began(socket)
      response.once('close', () => {
        if (response.writableFinished && response.shouldKeepAlive && request.complete) this.#ended(socket)
      })
    }
    for (const event of ['request', 'checkContinue', 'checkExpectation'] as const) server.prependListener(event, begins)
    // An upgraded connection stays marked.
    server.prependListener('upgrade', ({ socket }) => this.#began(socket))
    server.prependListener('connect', ({ socket }) => this.#began(socket))
    // So does one that is refused for what is no HTTP: what follows on it is not to be carried out.
    server.prependListener('clientError', (_error, socket) => this.#began(socket as Socket))
  }

  #began(socket: Socket): void {
    const handed = this.#handed.get(socket)
    if (handed === undefined) return
    handed.requests += 1
    if (handed.requests === 1 && !this.#options.isBound) this.#options.marks.set(handed.slot, true)
  }

  #ended(socket: Socket): void {
    const handed = this.#handed.get(socket)
    if (handed === undefined) return
    handed.requests -= 1
    if (handed.requests === 0 && !this.#options.isBound) this.#options.marks.set(handed.slot, false)
  }

  #isClosed(slot: number): void {
    this.#closed.push(slot)
    this.#reportSoon()
  }

  #reportSoon(): void {
    if (this.#isReporting) return
    this.#isReporting = true
    setImmediate(() => {
      this.#isReporting = false
      const [took, closed] = [this.#took, this.#closed]
      this.#took = 0
      this.#closed = []
      this.#options.report(took, closed)
    })
  }
}
