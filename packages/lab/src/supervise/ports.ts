/**
 * Ports for the lab's processes, from outside the kernel's ephemeral range. A client that keeps connecting to a dead port
 * *inside* that range sooner or later gets that port as its own source port, and then connects to itself.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { LabError, PortInUseError } from '../errors.ts'

export const LOOPBACK = '127.0.0.1'

const FIRST_PORT = 20_000
const LAST_PORT = 29_999
const ATTEMPTS_MAX = 400
/** Ports that this process has handed out, on which nothing may listen yet; the oldest are forgotten. */
const givenAway = new Set<number>()
const GIVEN_AWAY_MAX = 5_000

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
    else if (!givenAway.has(port) && (await isFree(port))) found.add(port)
  }
  if (found.size < howMany) {
    throw new LabError('NO_PORTS', 1, `found no free port between ${FIRST_PORT} and ${LAST_PORT} on ${LOOPBACK}`)
  }
  remember(found)
  return [...found]
}

function remember(ports: ReadonlySet<number>): void {
  for (const port of ports) givenAway.add(port)
  for (const port of givenAway) {
    if (givenAway.size <= GIVEN_AWAY_MAX) return
    givenAway.delete(port)
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
