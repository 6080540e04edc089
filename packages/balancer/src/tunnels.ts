/** Pairs of connections that have become one, as after an upgrade to WebSocket: neither end outlives the other. */
import type { Socket } from 'node:net'
import type { Upstream } from './upstream.ts'

export interface TunnelEnd {
  readonly socket: Socket
  /** What it sent right behind its half of the handshake. */
  readonly head: Buffer
}

export interface Tunnels {
  open(upstream: Upstream, ends: readonly [client: TunnelEnd, upstream: TunnelEnd]): void
  closeAll(): void
}

const KEEP_ALIVE_PROBE_MS = 30_000

/** `halfClosedMs`: how long one direction stays open after the other ended. */
export function tunnels(halfClosedMs: number): Tunnels {
  const open = new Set<() => void>()
  return {
    open(upstream, ends) {
      const close = join(ends, halfClosedMs, () => {
        upstream.tunnels -= 1
        open.delete(close)
      })
      upstream.tunnels += 1
      open.add(close)
    },
    closeAll() {
      for (const close of open) close()
    },
  }
}

/** Returns what closes both; `closed` is called once, when both are. */
function join(ends: readonly [TunnelEnd, TunnelEnd], halfClosedMs: number, closed: () => void): () => void {
  const [client, upstream] = ends
  let left = ends.length
  const close = () => {
    for (const { socket } of ends) socket.destroy()
  }
  for (const { socket, head } of ends) {
    socket.on('error', close)
    socket.once('end', () => setTimeout(close, halfClosedMs).unref())
    socket.once('close', () => {
      close()
      left -= 1
      if (left === 0) closed()
    })
    if (head.length > 0) socket.unshift(head)
    socket.setTimeout(0)
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS)
  }
  client.socket.pipe(upstream.socket).pipe(client.socket)
  return close
}
