/** How to recognise that no process listens at an upstream's port. */
import type { Socket } from 'node:net'

export const REFUSED = 'ECONNREFUSED'
export const CONNECTED_TO_ITSELF = 'connected to itself'

/** `code`: of an error of a connection. */
export function isRefusal(code: string | undefined): boolean {
  return code === REFUSED || code === CONNECTED_TO_ITSELF
}

/**
 * For a connection to a free port of the ephemeral range, the kernel may choose that very port as the local one. The connection then is
 * open to itself, and no process listens there.
 */
export function isSelfConnected(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress
}
