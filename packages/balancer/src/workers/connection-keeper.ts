/**
 * Accepts clients' connections and hands each to a worker, by turns, but keeps a descriptor until the worker reports that the connection
 * is closed. So a connection survives the death of its worker: if no request was in flight on it, another worker takes it over, with the
 * bytes that the client has sent and no process has read. Otherwise it is closed, and the client sees that.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Logger } from 'pino'
import type { ConnectionMarks } from './connection-marks.ts'
import type { Entrance } from '../clients/client-listeners.ts'
import { listen } from '../clients/listen.ts'

export interface ConnectionTaker {
  hand(slot: number, entrance: Entrance, socket: Socket): void
}

export interface ConnectionKeeperOptions {
  readonly marks: ConnectionMarks
  /** Of each listener. */
  readonly connectionsMax: number
  /** A connection above `connectionsMax` was closed at once. */
  readonly refused: () => void
  readonly log: Logger
}

interface Kept<Worker> {
  readonly slot: number
  readonly entrance: Entrance
  readonly socket: Socket
  worker: Worker | undefined
}

/** How many untaken connections a worker may have; a stopped worker gets no more, and the others get the rest. */
const UNTAKEN_MAX = 8

export class ConnectionKeeper<Worker extends ConnectionTaker> {
  readonly #options: ConnectionKeeperOptions
  readonly #servers: Server[] = []
  readonly #kept = new Map<number, Kept<Worker>>()
  /** In the order of their turns, with how many connections each was handed and has not taken yet. */
  readonly #workers = new Map<Worker, number>()
  /** Connections that wait for a worker, the oldest first. `connectionsMax` includes them. */
  readonly #waiting = new Set<Kept<Worker>>()
  readonly #freeSlots: number[] = []
  #isStopped = false

  constructor(options: ConnectionKeeperOptions) {
    this.#options = options
  }

  /** Rejects with PortInUseError. */
  async listen(entrance: Entrance, port: number, host: string): Promise<AddressInfo> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => this.#keep(entrance, socket))
    server.maxConnections = this.#options.connectionsMax
    server.on('drop', this.#options.refused)
    const address = await listen(server, port, host)
    server.on('error', (error) => this.#options.log.error({ error: error.message }, 'accepting failed'))
    this.#servers.push(server)
    return address
  }

  limit(connectionsMax: number): void {
    for (const server of this.#servers) server.maxConnections = connectionsMax
  }

  /** From now on the worker gets its turns. */
  join(worker: Worker): void {
    this.#workers.set(worker, 0)
    this.#handWaiting()
  }

  took(worker: Worker, count: number): void {
    const untaken = this.#workers.get(worker)
    if (untaken === undefined) return
    this.#workers.set(worker, untaken - count)
    this.#handWaiting()
  }

  /** A report may arrive after its worker's death: a slot may then belong to another worker, or to another connection. */
  closed(worker: Worker, slots: readonly number[]): void {
    for (const slot of slots) if (this.#kept.get(slot)?.worker === worker) this.#release(slot)
  }

  /** The worker is dead. */
  leave(worker: Worker): void {
    this.#workers.delete(worker)
    for (const kept of [...this.#kept.values()].filter((each) => each.worker === worker)) {
      kept.worker = undefined
      if (this.#isStopped || this.#options.marks.isBusy(kept.slot)) this.#release(kept.slot)
      else this.#waiting.add(kept)
    }
    this.#handWaiting()
  }

  /** Accepts no more. Closes connections without a worker, and from now on those of a worker that ends. */
  stop(): void {
    this.#isStopped = true
    for (const server of this.#servers) server.close()
    for (const { slot } of this.#waiting) this.#release(slot)
  }

  close(): void {
    this.stop()
    for (const slot of this.#kept.keys()) this.#release(slot)
  }

  #keep(entrance: Entrance, socket: Socket): void {
    const slot = this.#freeSlots.pop() ?? this.#kept.size
    const kept = { slot, entrance, socket, worker: undefined }
    // This process neither reads nor writes, so an error needs no handling.
    socket.on('error', () => this.#release(slot))
    this.#options.marks.set(slot, false)
    this.#kept.set(slot, kept)
    this.#waiting.add(kept)
    this.#handWaiting()
  }

  #handWaiting(): void {
    for (const kept of this.#waiting) {
      const next = [...this.#workers].find(([, untaken]) => untaken < UNTAKEN_MAX)
      if (next === undefined) return
      const [worker, untaken] = next
      // Behind all others.
      this.#workers.delete(worker)
      this.#workers.set(worker, untaken + 1)
      this.#waiting.delete(kept)
      kept.worker = worker
      worker.hand(kept.slot, kept.entrance, kept.socket)
    }
  }

  #release(slot: number): void {
    const kept = this.#kept.get(slot)
    if (kept === undefined) return
    this.#kept.delete(slot)
    this.#waiting.delete(kept)
    this.#freeSlots.push(slot)
    kept.socket.destroy()
  }
}
