/** How it shows that no process listens at an upstream's port. */
import type { Socket } from 'node:net'

export const REFUSED = 'ECONNREFUSED'
export const CONNECTED_TO_ITSELF = 'connected to itself'

/** `code`: of an error of a connection. */
export function isRefusal(code: string | undefined): boolean {
  return code === REFUSED || code === CONNECTED_TO_ITSELF
}

/**
 * The kernel may give a connection to a free port of its ephemeral range that very port as its own. The connection is then open, but
 * to itself: no process listens there.
 */
export function isSelfConnected(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress
}
