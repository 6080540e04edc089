/** A primary, its replicas and a Sentinel that watches them, each a process of its own. */
import { type RedisServer, type RedisServerOptions, redisServer, redisServers } from './server.ts'
import { until } from '../until.ts'

export interface SentinelGroup {
  /** Names a Sentinel that is not there first, as happens. */
  readonly url: string
  /** The primary first, as it was at the start. */
  readonly servers: readonly RedisServer[]
  readonly sentinel: RedisServer
  stop(): Promise<void>
}

export interface SentinelOptions {
  /** After how long without an answer the Sentinel makes a replica the primary. */
  readonly downAfterMs?: number
  /** After how long it tries a failed failover again, and corrects a replica that follows another address. */
  readonly failoverTimeoutMs?: number
}

export interface SentinelGroupOptions extends SentinelOptions {
  readonly replicas?: number
}

const NAME = 'shop'

export async function sentinelGroup({ replicas = 2, ...options }: SentinelGroupOptions = {}): Promise<SentinelGroup> {
  const primary = await redisServer()
  const replica = { settings: ['--replicaof', `127.0.0.1 ${primary.port}`] }
  const each = Array.from({ length: replicas }, () => replica)
  return await watched(primary, each, options)
}

/** Starts the replicas of a primary, and a Sentinel that knows them. */
export async function watched(
  primary: RedisServer,
  replicas: readonly RedisServerOptions[],
  options: SentinelOptions = {},
): Promise<SentinelGroup> {
  const servers = [primary]
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  try {
    servers.push(...(await redisServers(replicas)))
    await replicating(primary, replicas.length)
    const sentinel = await watching(primary.port, options)
    servers.push(sentinel)
    const known = `name=${NAME},status=ok,address=127.0.0.1:${primary.port},slaves=${replicas.length},`
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

/**
 * A replica that is `online` gets no changes before the primary has handled its next report, up to a second later. Until then
 * a Sentinel takes it for as advanced as the others. So each must have confirmed a message.
 */
export async function replicating(primary: RedisServer, replicas: number): Promise<void> {
  const offsets = async (pattern: RegExp) =>
    [...(await primary.ask('INFO', 'replication')).matchAll(pattern)].map(([, offset]) => Number(offset))
  const online = () => offsets(/^slave\d+:.*state=online,offset=(\d+)/gm)
  await until(`${replicas} replicas to be online`, async () => (await online()).length === replicas)
  await primary.ask('PUBLISH', 'test', 'to every replica')
  const [sent = Infinity] = await offsets(/^master_repl_offset:(\d+)/gm)
  await until(`${replicas} replicas to follow`, async () => {
    const confirmed = await online()
    return confirmed.length === replicas && confirmed.every((offset) => offset >= sent)
  })
}

async function watching(
  port: number,
  { downAfterMs = 1_000, failoverTimeoutMs = 5_000 }: SentinelOptions,
): Promise<RedisServer> {
  return await redisServer({
    settings: ['--sentinel'],
    file: [
      `sentinel monitor ${NAME} 127.0.0.1 ${port} 1`,
      `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
      `sentinel failover-timeout ${NAME} ${failoverTimeoutMs}`,
      `sentinel parallel-syncs ${NAME} 2`,
    ],
  })
}
