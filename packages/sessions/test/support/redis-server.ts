/** A Redis of a test's own, on a free port, that can be killed, stopped and brought back. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'

export interface RedisServer {
  readonly url: string
  readonly process: ChildProcess
  stop(): Promise<void>
}

const START_DEADLINE_MS = 15_000

/** Undefined when there is no redis-server to be had; with CI=true that is a failure instead. */
export const redisMissing: string | undefined = (() => {
  if (spawnSync('redis-server', ['--version']).status === 0) return undefined
  const hint =
    "redis-server is not on the PATH: install it (Debian: 'apt-get install redis-server', macOS: 'brew install redis')"
  if (process.env['CI'] === 'true') throw new Error(hint)
  return hint
})()

export async function redisServer(port?: number): Promise<RedisServer> {
  const chosen = port ?? (await freePort())
  const settings = ['--port', chosen, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()]
  const child = spawn('redis-server', settings.map(String), { stdio: 'ignore' })
  const url = `redis://127.0.0.1:${chosen}`
  await answers(url)
  return {
    url,
    process: child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function answers(url: string): Promise<void> {
  const deadlineAtMs = Date.now() + START_DEADLINE_MS
  while (Date.now() < deadlineAtMs) {
    const probe = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
    probe.on('error', () => {
      // Refused until it listens; the deadline above decides when that is a failure.
    })
    const pong = await probe.connect().then(
      () => probe.ping(),
      () => undefined,
    )
    probe.disconnect()
    if (pong === 'PONG') return
    await sleep(20)
  }
  throw new Error(`redis-server did not answer at ${url} within ${START_DEADLINE_MS} ms`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
