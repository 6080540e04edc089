/**
 * Proves that the process of a peer has ended, where the kernel can: on one Linux machine, within one network namespace. Each
 * node listens on a local socket whose name contains its incarnation. The kernel frees that name when the process has ended or
 * has closed its mesh, and not before. So a node that has once reached a peer there knows that the peer is gone when the
 * connection has ended and another one is refused.
 *
 * A port that refuses would prove nothing: a firewall, a proxy or a forwarded port refuses for a node that lives. A local
 * socket passes none of these. A peer that was never reached there, because it is on another machine or in another container,
 * is never taken for dead.
 */
import { createHash } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'

export interface DeathWatch {
  /** Lets peers watch this node. Where that can't be, they don't. */
  open(): void
  /** Watches that process from now on. */
  watch(name: string, incarnation: number): void
  /** From now on this node counts as ended. */
  close(): void
}

/** Each peer connects once, and again after each doubt. */
const CONNECTIONS_MAX = 128
/** A connection ended and another one was taken: perhaps the process is just ending. Each pause is twice the former one. */
const RETRIES_MAX = 8

export function deathWatch(
  own: { readonly name: string; readonly incarnation: number },
  onEnded: (name: string, incarnation: number) => void,
): DeathWatch {
  const watched = new Set<string>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => kept(socket).resume()).on('error', () => {})
  server.maxConnections = CONNECTIONS_MAX
  let closed = false

  const kept = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket
      .unref()
      .on('error', () => {})
      .on('close', () => sockets.delete(socket))
  }

  const look = (name: string, incarnation: number, wasReached: boolean, retries: number): void => {
    let isReached = false
    let refusal: string | undefined
    kept(connect(pathOf(name, incarnation)))
      .on('connect', () => (isReached = true))
      .on('error', (error: NodeJS.ErrnoException) => (refusal ??= error.code))
      .on('close', () => {
        if (closed) return
        if (isReached && retries < RETRIES_MAX) {
          setTimeout(() => look(name, incarnation, true, retries + 1), 2 ** retries - 1).unref()
          return
        }
        watched.delete(pathOf(name, incarnation))
        if (wasReached && refusal === 'ECONNREFUSED') onEnded(name, incarnation)
      })
      .resume()
  }

  return {
    open() {
      if (process.platform === 'linux')
        server.listen({ path: pathOf(own.name, own.incarnation), exclusive: true }).unref()
    },

    watch(name, incarnation) {
      const path = pathOf(name, incarnation)
      if (process.platform !== 'linux' || watched.has(path)) return
      watched.add(path)
      look(name, incarnation, false, 0)
    },

    close() {
      closed = true
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** A name of the kernel's own and not of a file, so that none can remove it, and none is left behind. */
function pathOf(name: string, incarnation: number): string {
  return `\0ninelives-${createHash('sha256').update(`${name} ${incarnation}`).digest('hex').slice(0, 32)}`
}
