/**
 * A TCP proxy on one edge. Without a fault it must not be noticed: half-closes and resets are passed on, and it listens only
 * while its target does, so that a connection to a dead process is refused as without the proxy. Rejected: to accept and then
 * reset; a balancer may retry any request after a refusal, but not after a reset.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { LOOPBACK } from '../supervise/ports.ts'
import { type Conditions, Flow } from './flow.ts'

export type Way = 'request' | 'answer'

export interface EdgeFault {
  readonly id: string
  readonly kind: string
  readonly ways: readonly Way[]
  readonly latencyMs?: number
  readonly jitterMs?: number
  readonly bytesPerSecond?: number
}

interface Connection {
  readonly client: Socket
  readonly upstream: Socket
  readonly flows: readonly Flow[]
}

const LOOK_EVERY_MS = 20
/** On one machine a connection is accepted at once, or not before the target calls accept again. */
const REACH_WAIT_MS = 1_000
const CONNECTIONS_MAX = 10_000

export class EdgeProxy {
  readonly #port: number
  #target: number
  readonly #faults = new Map<string, EdgeFault>()
  readonly #touched = new Set<string>()
  readonly #connections = new Set<Connection>()
  readonly #server: Server
  readonly #random: () => number
  #looking: NodeJS.Timeout | undefined
  #isOpen = false

  /** `random` draws the jitter. */
  constructor(port: number, target: number, random: () => number) {
    this.#port = port
    this.#target = target
    this.#random = random
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client))
    this.#server.maxConnections = CONNECTIONS_MAX
    // It may have been closed before it listened.
    this.#server.on('listening', () => !this.#isOpen && this.#server.close())
    // A process that checks whether the port is free listens there for an instant. Its close must not close this proxy.
    this.#server.on('error', () => {
      this.#isOpen = false
      clearTimeout(this.#looking)
      this.#looking = setTimeout(() => this.#look(), LOOK_EVERY_MS)
    })
    this.#look()
  }

  break(fault: EdgeFault): void {
    this.#faults.set(fault.id, fault)
    if (fault.kind === 'reset') for (const connection of this.#connections) this.#reset(connection, fault)
    if (isCut(fault)) this.#shut(fault.id)
    this.#changed()
  }

  mend(id: string): void {
    this.#faults.delete(id)
    this.#touched.delete(id)
    this.#changed()
    for (const { client, upstream, flows } of this.#connections) {
      if (flows.some(({ hasLost }) => hasLost)) resetBoth(client, upstream)
    }
    if (!this.#isOpen) this.#look()
  }

  /** Changes the target, and closes the present connections. */
  point(target: number): void {
    this.#target = target
    this.#close()
    for (const { client, upstream } of this.#connections) resetBoth(client, upstream)
    this.#look()
  }

  isTouched(id: string): boolean {
    return this.#touched.has(id)
  }

  /** Refuses new connections and closes the present ones. It has landed when a connection was refused. */
  #shut(id: string): void {
    this.#close()
    for (const { client, upstream } of this.#connections) resetBoth(client, upstream)
    this.#watchShut(id)
  }

  #watchShut(id: string): void {
    reaches(this.#port, (isReached) => {
      if (!this.#faults.has(id)) return
      if (isReached) setTimeout(() => this.#watchShut(id), LOOK_EVERY_MS)
      else this.#touched.add(id)
    })
  }

  #close(): void {
    if (this.#isOpen) this.#server.close()
    this.#isOpen = false
  }

  /** Listens as soon as the target does. */
  #look(): void {
    clearTimeout(this.#looking)
    if (this.#isOpen || [...this.#faults.values()].some(isCut)) return
    reaches(this.#target, (isReached) => {
      const mayOpen = isReached && !this.#isOpen && ![...this.#faults.values()].some(isCut)
      if (mayOpen) this.#server.listen(this.#port, LOOPBACK)
      if (mayOpen) this.#isOpen = true
      else this.#looking = setTimeout(() => this.#look(), LOOK_EVERY_MS)
    })
  }

  #accept(client: Socket): void {
    const upstream = connect({ host: LOOPBACK, port: this.#target, allowHalfOpen: true, noDelay: true })
    const beforeEnd = (pass: () => void): void => (client.readableEnded ? pass() : this.#lost(pass))
    const flows = [
      new Flow(client, upstream, () => this.#conditions('request'), this.#random),
      new Flow(upstream, client, () => this.#conditions('answer'), this.#random, beforeEnd),
    ]
    const connection: Connection = { client, upstream, flows }
    this.#connections.add(connection)
    client.on('error', () => upstream.resetAndDestroy())
    upstream.on('error', () => this.#lost(() => client.resetAndDestroy()))
    for (const socket of [client, upstream]) {
      socket.on('close', () => client.destroyed && upstream.destroyed && this.#connections.delete(connection))
    }
    for (const fault of this.#faults.values()) if (fault.kind === 'reset') this.#reset(connection, fault)
  }

  /** Checks whether the target still listens before it closes the client, as the client may reconnect at once. */
  #lost(afterLook: () => void): void {
    reaches(this.#target, (isReached) => {
      if (!isReached) this.#close()
      if (!isReached) this.#look()
      afterLook()
    })
  }

  /** Happens once. One way: the other end keeps a connection on which nothing happens any more. */
  #reset({ client, upstream }: Connection, { id, ways }: EdgeFault): void {
    this.#touched.add(id)
    this.#faults.delete(id)
    if (ways.length === 2) {
      resetBoth(client, upstream)
      return
    }
    const [resetSide, otherSide] = ways.includes('request') ? [upstream, client] : [client, upstream]
    resetSide.removeAllListeners('error').on('error', () => undefined)
    otherSide
      .removeAllListeners('data')
      .removeAllListeners('end')
      .on('end', () => otherSide.destroy())
      .resume()
    resetSide.resetAndDestroy()
  }

  #conditions(way: Way): Conditions {
    const faults = this.#faults.size === 0 ? NONE : [...this.#faults.values()].filter(({ ways }) => ways.includes(way))
    const limits = faults.flatMap(({ bytesPerSecond = [] }) => bytesPerSecond)
    return {
      isClear: faults.length === 0,
      latencyMs: sum(faults.map(({ latencyMs = 0 }) => latencyMs)),
      jitterMs: sum(faults.map(({ jitterMs = 0 }) => jitterMs)),
      bytesPerSecond: Math.min(Number.POSITIVE_INFINITY, ...limits),
      isHeld: faults.some(({ kind }) => kind === 'hold'),
      isDropped: faults.some(({ kind }) => kind === 'cut'),
      touch: () => {
        for (const { id } of faults) this.#touched.add(id)
      },
    }
  }

  #changed(): void {
    for (const { flows } of this.#connections) for (const flow of flows) flow.look()
  }
}

const NONE: readonly EdgeFault[] = []

function isCut({ kind, ways }: EdgeFault): boolean {
  return kind === 'cut' && ways.length === 2
}

function resetBoth(...sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.resetAndDestroy()
}

/** A target that neither accepts nor refuses is alive: it is paused, and its backlog is full. */
function reaches(port: number, done: (isReached: boolean) => void): void {
  const socket = connect({ host: LOOPBACK, port })
  let isOver = false
  const end = (isReached: boolean): void => {
    if (isOver) return
    isOver = true
    socket.destroy()
    done(isReached)
  }
  socket.on('connect', () => end(true)).on('error', () => end(false))
  // If this process itself was stopped, the target's answer lies in the socket and is read before the next immediate.
  socket.setTimeout(REACH_WAIT_MS, () => setImmediate(end, true))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
