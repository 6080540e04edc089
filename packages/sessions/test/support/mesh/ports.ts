/**
 * Ports for meshes. A test file opens dozens at a time: they are taken in order from a random one, so that a process never
 * uses one twice, and two processes seldom collide.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the range of ephemeral ports. */
const PORT_MIN = 11_000
const PORT_MAX = 31_999

let next = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN))

export async function meshPort(): Promise<number> {
  for (;;) {
    const port = next
    next = next === PORT_MAX ? PORT_MIN : next + 1
    if (await isFree(port)) return port
  }
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  const free = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  await new Promise((resolve) => server.close(resolve))
  return free
}
