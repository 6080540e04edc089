/** A Redis of a test's own, on a free port, that can be killed, stopped and brought back. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { isFree, meshPort } from '../mesh/ports.ts'
import { until } from '../until.ts'

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly process: ChildProcess
  /** Asks the server itself, past the store, for an answer that is a text or a number. */
  readonly ask: (command: string, ...args: readonly (string | number)[]) => Promise<string>
  /** By SIGKILL, and resolves once it is gone. */
  stop(): Promise<void>
}

export interface RedisServerOptions {
  readonly port?: number
  /** What goes on the command line, such as `--replicaof`. */
  readonly settings?: readonly (string | number)[]
  /** Lines of a configuration file, which the server may write to: a Sentinel needs one. */
  readonly file?: readonly string[]
}

const START_DEADLINE_MS = 60_000
const STARTS_MAX = 5
const BUS_OFFSET = 10_000
/** A primary waits five seconds for more replicas before it copies itself to the first. */
const AT_ONCE = ['--repl-diskless-sync-delay', '0']

/** Undefined when there is no redis-server to be had; with CI=true that is a failure instead. */
export const redisMissing: string | undefined = (() => {
  if (spawnSync('redis-server', ['--version']).status === 0) return undefined
  const hint =
    "redis-server is not on the PATH: install it (Debian: 'apt-get install redis-server', macOS: 'brew install redis')"
  if (process.env['CI'] === 'true') throw new Error(hint)
  return hint
})()

export async function redisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  for (let start = 1; ; start++) {
    try {
      return await started(options.port ?? (await freePort()), options)
    } catch (error) {
      // Another process may have taken the port meanwhile. Only a port that was not asked for is replaced.
      if (options.port !== undefined || start === STARTS_MAX) throw error
    }
  }
}

/** All of them, or none is left running. */
export async function redisServers(each: readonly RedisServerOptions[]): Promise<RedisServer[]> {
  const starts = await Promise.allSettled(each.map((options) => redisServer(options)))
  const servers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  const failed = starts.find((start) => start.status === 'rejected')
  if (failed === undefined) return servers
  await Promise.all(servers.map((server) => server.stop()))
  throw failed.reason
}

async function started(port: number, { settings = [], file }: RedisServerOptions): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'ninelives-redis-'))
  const path = join(directory, 'redis.conf')
  if (file !== undefined) await writeFile(path, file.join('\n'))
  const common = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', directory, ...AT_ONCE]
  const args = [...(file === undefined ? [] : [path]), ...settings, ...common]
  const child = spawn('redis-server', args.map(String), { stdio: 'ignore' })
  const exited = once(child, 'exit')
  const password = settings[settings.indexOf('--requirepass') + 1]
  const admin = new Redis(port, '127.0.0.1', {
    lazyConnect: true,
    ...(settings.includes('--requirepass') && { password: String(password) }),
    retryStrategy: () => 50,
    maxRetriesPerRequest: 0,
  })
  admin.on('error', () => {
    // Refused until it listens, and gone once a test kills it; what a test asks for rejects by itself.
  })
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    port,
    process: child,
    ask: async (command, ...args) => String(await admin.call(command, ...args)),
    async stop() {
      admin.disconnect()
      child.kill('SIGKILL')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
  const isOurs = async () => (await server.ask('INFO', 'server')).includes(`process_id:${child.pid}\r`)
  await until(`redis-server to answer on port ${port}`, isOurs, START_DEADLINE_MS, () => child.exitCode !== null).catch(
    async (error: unknown) => {
      await server.stop()
      throw error
    },
  )
  return server
}

/** One that is free now, and whose bus port is. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await meshPort()
    if (await isFree(port + BUS_OFFSET)) return port
  }
}
