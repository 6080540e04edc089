/** A relay between two nodes. Cut, it holds open connections silent or ends them, and lets no new one through. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'
import { meshPort } from './ports.ts'

export interface MeshRelay {
  readonly port: number
  /** `silence` holds what is sent, as a network that is gone; `reset` ends the connections besides; `refuse` closes the port too. */
  cut(how: 'silence' | 'reset' | 'refuse'): void
  /** Holds what is sent on the connections that are open for good, and lets new ones through. */
  forget(): void
  mend(): void
}

export async function meshRelay(t: ExecutionContext, upstreamPort: number): Promise<MeshRelay> {
  const port = await meshPort()
  const sockets = new Set<Socket>()
  let isCut = false
  const kept = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
  }
  const server = createServer((near) => {
    const far = kept(connect(upstreamPort, '127.0.0.1'))
    kept(near).pipe(far).pipe(near)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('close', () => isCut || other.destroy())
    }
    if (isCut) for (const socket of [near, far]) socket.pause()
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    port,
    cut(how) {
      isCut = true
      for (const socket of sockets) {
        if (how === 'silence') socket.pause()
        else socket.resetAndDestroy()
      }
      if (how === 'refuse') server.close()
    },
    forget() {
      for (const socket of sockets) socket.pause()
    },
    mend() {
      isCut = false
      if (!server.listening) server.listen(port, '127.0.0.1')
      // Connections that were dialled or held meanwhile are ended.
      for (const socket of sockets) socket.resetAndDestroy()
    },
  }
}
