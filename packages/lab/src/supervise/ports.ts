/**
 * Ports for the processes that the lab starts. They come from a range that the kernel does not hand out by itself: a
 * client that keeps connecting to a dead port *inside* the kernel's range is sooner or later given that very port as its
 * own, and then it talks to itself.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { LabError, PortInUseError } from '../errors.ts'

export const LOOPBACK = '127.0.0.1'

const FIRST_PORT = 20_000
const LAST_PORT = 29_999
const ATTEMPTS_MAX = 400
/** What was given away by this process and may not be listened on yet; the oldest are forgotten. */
const givenAway = new Set<number>()
const GIVEN_AWAY_MAX = 5_000

/**
 * So many different ports, each free just now, next to each other as far as they are: of two labs that choose at the same
 * time, one whose ports are strewn about is far more likely to meet the other's.
 */
export async function freePorts(howMany: number, random: () => number = Math.random): Promise<number[]> {
  const kernel = kernelRange()
  // Where the kernel hands out every port there is no better one to be had.
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

/** Rejects with PortInUseError when nobody can listen there now. */
export async function requireFree(port: number, what: string): Promise<void> {
  const problem = await bindProblem(port)
  if (problem !== undefined) throw new PortInUseError(what, port, problem)
}

async function isFree(port: number): Promise<boolean> {
  return (await bindProblem(port)) === undefined
}

/** The code of the error that listening there ends in. */
function bindProblem(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

/** Empty where it can't be read: the usual range outside Linux begins far above ours. */
function kernelRange(): { first: number; last: number } {
  try {
    const [first, last] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number)
    return { first: first ?? 0, last: last ?? -1 }
  } catch {
    // Not Linux.
    return { first: 0, last: -1 }
  }
}
