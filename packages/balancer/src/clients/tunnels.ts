/**
 * Pairs of connections that an upgrade to WebSocket has joined. Neither end outlives the other. When a node dies or is to stop, its
 * clients get a Close that says "come back", between two frames. A broken connection would not say why, and clients wait before they
 * try again.
 */
import type { Socket } from 'node:net'
import { inFlight } from './in-flight.ts'
import type { InFlight } from './in-flight.ts'
import type { TunnelEnd } from '../transports/transport.ts'
import type { HeldTunnel, Upstream } from '../upstreams/upstream.ts'
import { closeFrame, FrameTracker, SERVICE_RESTART } from './websocket-frames.ts'
import type { CloseCode } from './websocket-frames.ts'

export interface Tunnels extends Pick<InFlight, 'settled'> {
  open(upstream: Upstream, ends: readonly [client: TunnelEnd, upstream: TunnelEnd]): void
  /** Tells the clients of upstreams that are replaced to reconnect. Those that don't leave are cut soon. */
  moveReplaced(): void
  /** The same for all clients, those that come later as well. */
  moveAll(code: CloseCode): void
  closeAll(): void
}

const KEEP_ALIVE_PROBE_MS = 30_000
/** How long a client may take to answer a Close. */
const CLOSE_WAIT_MS = 1_000

/** Clients are told to come back at no more than this rate. */
const RETURNS_PER_SECOND = 1_000

export interface TunnelsOptions {
  /** How long one direction stays open after the other ended. */
  readonly halfClosedMs: number
  /** Whether an upstream is out while another is up, so that its clients find a better one. */
  readonly isReplaced: (upstream: Upstream) => boolean
}

export function tunnels({ halfClosedMs, isReplaced }: TunnelsOptions): Tunnels {
  const returnDelayMs = returnDelays(RETURNS_PER_SECOND)
  const open = new Set<Tunnel>()
  const counted = inFlight()
  /** The Close that all clients got; later ones get it too. */
  let toldAll: CloseCode | undefined
  return {
    open(upstream, ends) {
      const tunnel = new Tunnel(upstream, ends, halfClosedMs, returnDelayMs)
      upstream.joined(tunnel)
      open.add(tunnel)
      counted.entered()
      tunnel.begin(() => {
        upstream.parted(tunnel)
        open.delete(tunnel)
        counted.left()
      })
      if (toldAll !== undefined) tunnel.move(toldAll)
      else if (isReplaced(upstream)) tunnel.leave()
    },
    moveReplaced() {
      for (const tunnel of open) if (isReplaced(tunnel.upstream)) tunnel.leave()
    },
    moveAll(code) {
      toldAll = code
      for (const tunnel of open) tunnel.move(code)
    },
    closeAll() {
      for (const tunnel of open) tunnel.close()
    },
    settled: (limitMs) => counted.settled(limitMs),
  }
}

/** Gives each client that is told to come back a delay of its own, so that they do not all come at once. */
export function returnDelays(perSecond: number, now: () => number = () => performance.now()): () => number {
  let nextAtMs = 0
  return () => {
    const nowMs = now()
    const delayMs = Math.max(0, nextAtMs - nowMs)
    nextAtMs = nowMs + delayMs + 1_000 / perSecond
    return Math.round(delayMs)
  }
}

class Tunnel implements HeldTunnel {
  readonly upstream: Upstream
  readonly #ends: readonly [client: TunnelEnd, node: TunnelEnd]
  readonly #client: Socket
  readonly #node: Socket
  readonly #halfClosedMs: number
  readonly #returnDelayMs: () => number
  /** For the node's direction only: there the balancer may have to insert a Close. */
  readonly #frames = new FrameTracker()
  #state: 'passing' | 'to-be-moved' | 'told' = 'passing'
  #code: CloseCode = SERVICE_RESTART
  #nodeIsGone = false
  #timer: NodeJS.Timeout | undefined
  #closesAtMs = Infinity

  constructor(
    upstream: Upstream,
    ends: readonly [TunnelEnd, TunnelEnd],
    halfClosedMs: number,
    returnDelayMs: () => number,
  ) {
    const [client, node] = ends
    this.upstream = upstream
    this.#ends = ends
    this.#client = client.socket
    this.#node = node.socket
    this.#halfClosedMs = halfClosedMs
    this.#returnDelayMs = returnDelayMs
  }

  /** `closed` is called once, when both ends are. */
  begin(closed: () => void): void {
    let left = this.#ends.length
    const count = () => {
      left -= 1
      if (left > 0) return
      clearTimeout(this.#timer)
      closed()
    }
    for (const { socket, head } of this.#ends) {
      socket.once('close', count)
      if (head.length > 0) socket.unshift(head)
      socket.setTimeout(0)
      socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS)
    }
    this.#join()
  }

  move(code: CloseCode): void {
    if (this.#state !== 'passing') return
    // Nothing may follow the node's own Close. The client has as long to answer it as the balancer's.
    if (this.#frames.closing) return this.#closeIn(CLOSE_WAIT_MS)
    this.#code = code
    this.#state = 'to-be-moved'
    // From here the balancer passes on the node's bytes itself, up to the end of a frame.
    this.#node.unpipe(this.#client)
    this.#node.resume()
    if (this.#frames.between) this.#tell()
    this.#closeIn(CLOSE_WAIT_MS)
  }

  leave(): void {
    this.move(SERVICE_RESTART)
  }

  close(): void {
    this.#client.destroy()
    this.#node.destroy()
  }

  #join(): void {
    const client = this.#client
    const node = this.#node
    client.on('error', () => this.close())
    client.once('close', () => this.close())
    client.once('end', () => this.#closeIn(this.#halfClosedMs))
    node.on('error', () => this.#nodeGone())
    node.once('end', () => this.#nodeGone())
    node.once('close', () => this.#nodeGone())
    node.on('data', (chunk: Buffer) => this.#fromNode(chunk))
    node.pipe(client, { end: false })
    client.pipe(node)
  }

  #fromNode(chunk: Buffer): void {
    if (this.#state === 'told') return
    const end = this.#frames.pass(chunk)
    if (this.#state === 'passing') return
    if (end === -1) return void this.#client.write(chunk)
    this.#client.write(chunk.subarray(0, end))
    this.#tell()
  }

  /** The last bytes for the client. If it answers with a Close, that still goes to the node, which then closes too. */
  #tell(): void {
    this.#state = 'told'
    if (this.#client.writable) this.#client.write(closeFrame(this.#code, `retry-after-ms=${this.#returnDelayMs()}`))
  }

  #nodeGone(): void {
    if (this.#nodeIsGone) return
    this.#nodeIsGone = true
    if (this.#state !== 'told' && !this.#frames.closing) {
      // A Close can't stand in the middle of a frame: the connection breaks instead.
      if (!this.#frames.between) return this.close()
      this.#tell()
    }
    if (this.#client.writable) this.#client.end()
    // It must be read to its end, or the end is never seen.
    this.#client.resume()
    this.#closeIn(this.#halfClosedMs)
  }

  /** Or earlier, where that was said before. */
  #closeIn(ms: number): void {
    const atMs = performance.now() + ms
    if (atMs >= this.#closesAtMs) return
    this.#closesAtMs = atMs
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.close(), ms).unref()
  }
}
