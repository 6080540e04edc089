/**
 * Ports for servers of tests, a hundred for each test file: files run side by side, and no other file may take the port of a server that is
 * to start, or to come back. All are below the range that a system hands out by itself, and so is the bus of a Redis Cluster's node.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { threadId } from 'node:worker_threads'

const FIRST_PORT = 11_000
const PORTS = 100
const FILES = 100
/** A test file is a thread. */
const first = FIRST_PORT + ((process.pid + threadId) % FILES) * PORTS
let taken = Math.floor(Math.random() * PORTS)

/** In order, so that a file seldom uses one twice. */
export async function meshPort(): Promise<number> {
  for (;;) {
    const port = first + (taken++ % PORTS)
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
