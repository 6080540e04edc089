/** A Memcached of a test's own, on a free port, that can be killed, stopped and brought back. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { ExecutionContext } from 'ava'
import { isFree, meshPort } from '../mesh/ports.ts'
import { until } from '../until.ts'

export interface MemcachedServer {
  readonly url: string
  readonly port: number
  readonly process: ChildProcess
  /** Sends one line, and gives the answer, whose end `end` knows. */
  ask(line: string, end?: RegExp): Promise<string>
  /** By SIGKILL, and resolves once it is gone. */
  stop(): Promise<void>
}

export interface MemcachedServerOptions {
  readonly port?: number
  /** What goes on the command line, such as `-m`. */
  readonly settings?: readonly string[]
}

const START_DEADLINE_MS = 60_000
const STARTS_MAX = 5

/** Undefined when there is a memcached on the PATH; with CI=true its absence is a failure instead. */
export const memcachedMissing: string | undefined = (() => {
  if (spawnSync('memcached', ['-V']).status === 0) return undefined
  const hint =
    "memcached is not on the PATH: install it (Debian: 'apt-get install memcached', macOS: 'brew install memcached')"
  if (process.env['CI'] === 'true') throw new Error(hint)
  return hint
})()

/** `settings` go on the command line. Stopped when the test is over. */
export async function memcachedOf(t: ExecutionContext, ...settings: readonly string[]): Promise<MemcachedServer> {
  const server = await memcachedServer({ settings })
  t.teardown(() => server.stop())
  return server
}

export async function memcachedServer({ port, settings = [] }: MemcachedServerOptions = {}): Promise<MemcachedServer> {
  for (let start = 1; ; start++) {
    try {
      return await started(port ?? (await meshPort()), settings)
    } catch (error) {
      if (port !== undefined || start === STARTS_MAX) throw error
    }
  }
}

async function started(port: number, settings: readonly string[]): Promise<MemcachedServer> {
  // It refuses to run as root unless it is told to.
  const asRoot = process.getuid?.() === 0 ? ['-u', 'root'] : []
  const args = ['-p', String(port), '-U', '0', '-l', '127.0.0.1', ...asRoot, ...settings]
  const child = spawn('memcached', args, { stdio: 'ignore' })
  const exited = once(child, 'exit')
  const server: MemcachedServer = {
    url: `memcached://127.0.0.1:${port}`,
    port,
    process: child,
    ask: (line, end = /END\r\n$/) => ask(port, line, end),
    async stop() {
      child.kill('SIGKILL')
      await exited
    },
  }
  const isOpen = !settings.includes('-Z') && !settings.includes('-Y')
  const isOurs = async () =>
    isOpen ? (await server.ask('stats')).includes(`STAT pid ${child.pid}\r`) : !(await isFree(port))
  await until(`memcached to answer on port ${port}`, isOurs, START_DEADLINE_MS, () => child.exitCode !== null).catch(
    async (error: unknown) => {
      await server.stop()
      throw error
    },
  )
  return server
}

async function ask(port: number, line: string, end: RegExp): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  try {
    socket.write(`${line}\r\n`)
    let heard = ''
    for await (const text of socket) {
      heard += text
      if (end.test(heard)) return heard
    }
    throw new Error(`'${line}' was not answered: ${heard}`)
  } finally {
    socket.destroy()
  }
}
