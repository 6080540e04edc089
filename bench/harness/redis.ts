/** The Redis of a bench: REDIS_URL, or a private one. */
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { freePort, readConfig, until, UsageError } from '@ninelives/lab'
import { Redis } from 'ioredis'
import { startChild } from './processes/children.ts'

export interface BenchRedis {
  readonly url: string
  readonly version: string
  stop(): void
}

const START_DEADLINE_MS = 15_000
const HINT = 'there is no Redis: set REDIS_URL, or install redis-server (Debian: apt-get install redis-server)'

export async function benchRedis(): Promise<BenchRedis> {
  const { redisUrl: url } = readConfig(process.env)
  return url === undefined ? await privateRedis() : await givenRedis(url)
}

async function givenRedis(url: string): Promise<BenchRedis> {
  const admin = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  // The commands themselves reject; this event could show the URL's password.
  admin.on('error', () => {})
  const version = await admin.info('server').then(versionIn, (error: Error) => {
    throw new UsageError(`the Redis of REDIS_URL does not answer: ${error.message}`)
  })
  admin.disconnect()
  return { url, version, stop() {} }
}

async function privateRedis(): Promise<BenchRedis> {
  if (spawnSync('redis-server', ['--version']).status !== 0) throw new UsageError(HINT)
  const port = await freePort()
  const settings = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()]
  const child = startChild('redis-server', settings.map(String), { stdio: 'ignore' })
  const admin = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: 0, retryStrategy: () => 50 })
  // Refused until it listens, and after it is stopped; the commands themselves reject.
  admin.on('error', () => {})

  let information = ''
  const answers = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`redis-server did not start on ${port}`)
    information = await admin.info('server').catch(() => '')
    return information.includes(`process_id:${child.pid}\r`)
  }
  await until(answers, { deadlineMs: START_DEADLINE_MS, what: `redis-server on port ${port}` })
  return {
    url: `redis://127.0.0.1:${port}`,
    version: versionIn(information),
    stop() {
      admin.disconnect()
      child.kill('SIGKILL')
    },
  }
}

function versionIn(information: string): string {
  return /redis_version:(\S+)/.exec(information)?.[1] ?? 'unknown'
}
