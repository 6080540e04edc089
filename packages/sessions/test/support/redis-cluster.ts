/** A Redis Cluster of three primaries, the first of which has a replica, each a process of its own. */
import { type RedisServer, redisServer, until } from './redis-server.ts'

export interface RedisCluster {
  readonly url: string
  readonly primaries: readonly RedisServer[]
  /** Of the first primary. */
  readonly replica: RedisServer
  /** A prefix that puts every key into one slot, which the given primary serves. */
  prefixOn(primary: number): Promise<string>
  stop(): Promise<void>
}

const SLOTS = 16_384
const PRIMARIES = 3

export async function redisCluster({ nodeTimeoutMs = 2_000 } = {}): Promise<RedisCluster> {
  const settings = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    nodeTimeoutMs,
    '--cluster-replica-validity-factor',
    0,
  ]
  const servers = await Promise.all(Array.from({ length: PRIMARIES + 1 }, () => redisServer({ settings })))
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  try {
    await joined(servers)
    const [first, , , replica] = servers as [RedisServer, RedisServer, RedisServer, RedisServer]
    await replica.ask('CLUSTER', 'REPLICATE', `${await first.ask('CLUSTER', 'MYID')}`)
    await until('the replica to follow', async () => {
      return /^slave0:.*state=online/m.test(`${await first.ask('INFO', 'replication')}`)
    })
    await everywhere(servers, 'NODES', /slave/)
    return {
      url: `redis+cluster://127.0.0.1:1,${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
      primaries: servers.slice(0, PRIMARIES),
      replica,
      prefixOn: (primary) => prefixWithin(first, slotsOf(primary)),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function joined(servers: readonly RedisServer[]): Promise<void> {
  const [first] = servers as [RedisServer]
  for (const [index, server] of servers.entries()) {
    await server.ask('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
    if (index < PRIMARIES) await server.ask('CLUSTER', 'ADDSLOTSRANGE', ...slotsOf(index))
    if (server !== first) await first.ask('CLUSTER', 'MEET', '127.0.0.1', server.port)
  }
  await everywhere(servers, 'INFO', /cluster_known_nodes:4\r/)
  await everywhere(servers, 'INFO', /cluster_state:ok\r/)
}

async function everywhere(servers: readonly RedisServer[], subcommand: string, says: RegExp): Promise<void> {
  await until(`every node of the Cluster to say ${says}`, async () => {
    const answers = await Promise.all(servers.map((server) => server.ask('CLUSTER', subcommand)))
    return answers.every((answer) => says.test(`${answer}`))
  })
}

function slotsOf(primary: number): [from: number, to: number] {
  const start = (index: number) => Math.round((index * SLOTS) / PRIMARIES)
  return [start(primary), start(primary + 1) - 1]
}

async function prefixWithin(server: RedisServer, [from, to]: [number, number]): Promise<string> {
  for (let tag = 0; ; tag++) {
    const slot = Number(await server.ask('CLUSTER', 'KEYSLOT', `{${tag}}`))
    if (slot >= from && slot <= to) return `{${tag}}`
  }
}
