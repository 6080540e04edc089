/** Opens sessions of visitors, and measures what they take of the nodes' memory and of the store. */
import { readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import type { ClusterUnderTest } from '../../harness/cluster-under-test.ts'

export interface SessionCosts {
  readonly memoryBytesPerSession?: number
  readonly storeBytesPerSession?: number
}

/** The default: enough to divide the growth of a store. */
const SESSIONS_DEFAULT = 500
/** With fewer, garbage hides the growth of the nodes' memory. */
const MEMORY_SESSIONS_MIN = 50_000
const AT_ONCE = 32
const STORE_SESSIONS_MIN = 500
const PAGE_BYTES = 4_096

export async function openSessions(cluster: ClusterUnderTest, count = SESSIONS_DEFAULT): Promise<SessionCosts> {
  const storeBefore = await storeBytes(cluster)
  const memoryBefore = memoryBytes(cluster.pids().node)
  await fill(cluster.url, count)
  const storeAfter = await storeBytes(cluster)
  const memory =
    memoryBefore === undefined || count < MEMORY_SESSIONS_MIN
      ? undefined
      : ((memoryBytes(cluster.pids().node) ?? memoryBefore) - memoryBefore) / count
  const store =
    storeBefore === undefined || storeAfter === undefined || count < STORE_SESSIONS_MIN
      ? undefined
      : (storeAfter - storeBefore) / count
  return {
    ...(memory === undefined ? {} : { memoryBytesPerSession: memory }),
    ...(store === undefined ? {} : { storeBytesPerSession: store }),
  }
}

/** The counter gives a session to a visitor without a login. */
async function fill(url: string, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  let left = count
  const visitors = Array.from({ length: Math.min(AT_ONCE, count) }, async () => {
    while (left-- > 0) {
      const sent = request(new URL('/api/counter', url), { method: 'POST', agent, headers: { 'content-length': '0' } })
      sent.end()
      const [answer] = (await once(sent, 'response')) as [IncomingMessage]
      answer.resume()
      await once(answer, 'end')
      if (answer.statusCode !== 200) throw new Error(`a visitor was answered ${answer.statusCode}`)
    }
  })
  try {
    await Promise.all(visitors)
  } finally {
    agent.destroy()
  }
}

/** The resident memory of all; undefined where the system has no /proc. */
function memoryBytes(pids: readonly number[]): number | undefined {
  try {
    const pages = pids.map((pid) => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]))
    return pages.reduce((sum, each) => sum + each, 0) * PAGE_BYTES
  } catch {
    // This system has no /proc.
    return undefined
  }
}

/** Undefined without a Redis of the lab. */
async function storeBytes(cluster: ClusterUnderTest): Promise<number | undefined> {
  const { store } = cluster.lab.cluster
  if (store?.kind.name !== 'redis') return undefined
  // The nodes' own URL may be of a store over it.
  const redis = new Redis(store.kind.url(store.port))
  try {
    const used = /used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]
    return used === undefined ? undefined : Number(used)
  } finally {
    redis.disconnect()
  }
}
