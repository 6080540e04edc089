/** A primary, its replicas and a Sentinel that watches them, each a process of its own. */
import { type RedisServer, redisServer, redisServers } from './server.ts'
import { until } from '../until.ts'

export interface SentinelGroup {
  /** Names a Sentinel that is not there first, as happens. */
  readonly url: string
  /** The primary first, as it was at the start. */
  readonly servers: readonly RedisServer[]
  readonly sentinel: RedisServer
  stop(): Promise<void>
}

export interface SentinelGroupOptions {
  readonly replicas?: number
  /** After how long without an answer the Sentinel makes a replica the primary. */
  readonly downAfterMs?: number
}

const NAME = 'shop'

export async function sentinelGroup({
  replicas = 2,
  downAfterMs = 1_000,
}: SentinelGroupOptions = {}): Promise<SentinelGroup> {
  const primary = await redisServer()
  const servers = [primary]
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  try {
    const following = { settings: ['--replicaof', `127.0.0.1 ${primary.port}`] }
    servers.push(...(await redisServers(Array.from({ length: replicas }, () => following))))
    await replicating(primary, replicas)
    const sentinel = await watching(primary.port, downAfterMs)
    servers.push(sentinel)
    const known = `name=${NAME},status=ok,address=127.0.0.1:${primary.port},slaves=${replicas},`
    await until('the Sentinel to know the replicas', async () =>
      (await sentinel.ask('INFO', 'sentinel')).includes(known),
    )
    return {
      url: `redis+sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/${NAME}`,
      servers: servers.slice(0, -1),
      sentinel,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

export async function replicating(primary: RedisServer, replicas: number): Promise<void> {
  await until(`${replicas} replicas to follow`, async () => {
    const info = await primary.ask('INFO', 'replication')
    return (info.match(/^slave\d+:.*state=online/gm) ?? []).length === replicas
  })
}

async function watching(port: number, downAfterMs: number): Promise<RedisServer> {
  return await redisServer({
    settings: ['--sentinel'],
    file: [
      `sentinel monitor ${NAME} 127.0.0.1 ${port} 1`,
      `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
      `sentinel failover-timeout ${NAME} 5000`,
      `sentinel parallel-syncs ${NAME} 2`,
    ],
  })
}
