/** What the lab expects of every peer: a program that takes a node's or a balancer's environment, reports when it is ready, and ends when told. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Environment {
  /** A node's. */
  readonly name: string
  readonly port: number
  /** A node's store: `memory:` or a Redis. */
  readonly storeUrl: string
  /** How many accounts there are. */
  readonly accounts: number
  /** Put into each session at its login. */
  readonly sessionPaddingBytes: number
  /** A balancer's. */
  readonly upstreams: readonly Upstream[]
  readonly affinity: boolean
}

export interface Upstream {
  readonly name: string
  readonly port: number
}

const EXIT_PORT_IN_USE = 98
/** A node's connections must outlive the idle time of the balancer in front of it, or requests are lost between the two. */
const KEEP_ALIVE_MS = 600_000

export function readConfig(env: NodeJS.ProcessEnv): Readonly<Environment> {
  const { NODE_NAME = '', PORT = '', STORE = '', ACCOUNTS = '100', UPSTREAMS = '', ROUTING = '' } = env
  const sessionPaddingBytes = Number(env['SESSION_PADDING_BYTES'] ?? 0)
  const upstreams = UPSTREAMS.split(',').map((entry) => {
    const [name = '', url = ''] = entry.split('=')
    return { name, port: URL.canParse(url) ? Number(new URL(url).port) : 0 }
  })
  const numbers = { port: Number(PORT), accounts: Number(ACCOUNTS), sessionPaddingBytes }
  return Object.freeze({ name: NODE_NAME, storeUrl: STORE, upstreams, affinity: ROUTING === 'affinity', ...numbers })
}

export const environment = readConfig(process.env)

export function listen(server: Server): void {
  const { port } = environment
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.on('error', (error: NodeJS.ErrnoException) => {
    process.stderr.write(`port ${port}: ${error.message}\n`)
    process.exit(error.code === 'EADDRINUSE' ? EXIT_PORT_IN_USE : 1)
  })
  server.listen(port, '127.0.0.1', () => ready((server.address() as AddressInfo).port))
  endWhenTold(() => {
    server.close(() => process.exit(0))
    server.closeIdleConnections()
  })
}

export function ready(port: number): void {
  process.send?.({ type: 'ready', url: `http://127.0.0.1:${port}` })
}

/** The first SIGTERM asks; a second one, and the end of the lab, end the process at once. */
export function endWhenTold(end: () => void): void {
  process.once('SIGTERM', () => {
    process.once('SIGTERM', () => process.exit(0))
    end()
  })
  process.on('disconnect', () => process.exit(1))
  // The bench answers the terminal's Ctrl-C.
  process.on('SIGINT', () => undefined)
}
