/**
 * Ports for the lab's processes, from outside the kernel's ephemeral range. A client that keeps connecting to a dead port
 * *inside* that range sooner or later gets that port as its own source port, and then connects to itself.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { LabError, PortInUseError } from '../errors.ts'

export const LOOPBACK = '127.0.0.1'

const FIRST_PORT = 20_000
const LAST_PORT = 29_999
const ATTEMPTS_MAX = 400
/**
 * Of each port that this process has handed out, the UDP socket that keeps it from other labs on this machine while nothing listens
 * there yet, or while its node is down. It ends with the process; the oldest are let go.
 */
const kept: Socket[] = []
const KEPT_MAX = 500

/**
 * Finds so many free ports, adjacent if possible: if two labs choose at the same time, scattered ports are far more likely to
 * collide.
 */
export async function freePorts(howMany: number, random: () => number = Math.random): Promise<number[]> {
  const kernel = kernelRange()
  // The kernel's range covers every port, so there is no better choice.
  const avoidable = kernel.first > FIRST_PORT || kernel.last < LAST_PORT
  const ports = LAST_PORT - FIRST_PORT + 1
  const found = new Set<number>()
  let from = Math.floor(random() * ports)
  for (let attempt = 0; attempt < ATTEMPTS_MAX && found.size < howMany; attempt++) {
    const port = FIRST_PORT + (from++ % ports)
    const isKernels = avoidable && port >= kernel.first && port <= kernel.last
    if (isKernels) from = Math.floor(random() * ports)
    else if ((await isFree(port)) && (await keep(port))) found.add(port)
  }
  if (found.size < howMany) {
    throw new LabError('NO_PORTS', 1, `found no free port between ${FIRST_PORT} and ${LAST_PORT} on ${LOOPBACK}`)
  }
  while (kept.length > KEPT_MAX) kept.shift()?.close()
  return [...found]
}

/** Whether no other lab, nor this one, keeps it. */
async function keep(port: number): Promise<boolean> {
  const socket = createSocket('udp4').unref()
  socket.bind({ address: LOOPBACK, port, exclusive: true })
  try {
    await once(socket, 'listening')
    kept.push(socket)
    return true
  } catch {
    socket.close()
    return false
  }
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  return port as number
}

/** Rejects with PortInUseError if the port can't be listened on now. */
export async function requireFree(port: number, what: string): Promise<void> {
  const problem = await bindProblem(port)
  if (problem !== undefined) throw new PortInUseError(what, port, problem)
}

async function isFree(port: number): Promise<boolean> {
  return (await bindProblem(port)) === undefined
}

/** The error code of an attempt to listen there. */
function bindProblem(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

/** Empty if it can't be read: outside Linux the usual range begins far above ours. */
function kernelRange(): { first: number; last: number } {
  try {
    const [first, last] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number)
    return { first: first ?? 0, last: last ?? -1 }
  } catch {
    // Not Linux.
    return { first: 0, last: -1 }
  }
}
