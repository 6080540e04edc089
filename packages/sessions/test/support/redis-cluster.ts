/** A Redis Cluster of three primaries, the first of which has a replica, each a process of its own. */
import { type RedisServer, redisServer, redisServers, until } from './redis-server.ts'

export interface RedisCluster {
  readonly url: string
  readonly primaries: readonly RedisServer[]
  /** Of the first primary. */
  readonly replica: RedisServer
  /** Starts one more primary, which serves no slot yet. */
  join(): Promise<RedisServer>
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
  const servers = await redisServers(Array.from({ length: PRIMARIES + 1 }, () => ({ settings })))
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  try {
    await joined(servers)
    const [first, , , replica] = servers as [RedisServer, RedisServer, RedisServer, RedisServer]
    await replica.ask('CLUSTER', 'REPLICATE', await first.ask('CLUSTER', 'MYID'))
    await until('the replica to follow', async () => {
      return /^slave0:.*state=online/m.test(await first.ask('INFO', 'replication'))
    })
    // A replica that has copied nothing yet is not told to clients.
    await first.ask('SET', await prefixWithin(first, slotsOf(0)), '', 'PX', 1)
    await everywhere(servers, 'SLOTS', new RegExp(`,${replica.port},`))
    return {
      url: `redis+cluster://127.0.0.1:1,${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
      primaries: servers.slice(0, PRIMARIES),
      replica,
      async join() {
        const server = await redisServer({ settings })
        servers.push(server)
        await acquainted(servers)
        return server
      },
      prefixOn: (primary) => prefixWithin(first, slotsOf(primary)),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function joined(servers: readonly RedisServer[]): Promise<void> {
  for (const [index, server] of servers.entries()) {
    await server.ask('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
    if (index < PRIMARIES) await server.ask('CLUSTER', 'ADDSLOTSRANGE', ...slotsOf(index))
  }
  await acquainted(servers)
}

/** Each is told of each: gossip alone takes its time. */
async function acquainted(servers: readonly RedisServer[]): Promise<void> {
  for (const { port } of servers) {
    const others = servers.filter((server) => server.port !== port)
    await Promise.all(others.map((server) => server.ask('CLUSTER', 'MEET', '127.0.0.1', port)))
  }
  await everywhere(servers, 'INFO', new RegExp(`cluster_known_nodes:${servers.length}\r`))
  await everywhere(servers, 'INFO', /cluster_state:ok\r/)
}

async function everywhere(servers: readonly RedisServer[], subcommand: string, says: RegExp): Promise<void> {
  await until(`every node of the Cluster to say ${says}`, async () => {
    const answers = await Promise.all(servers.map((server) => server.ask('CLUSTER', subcommand)))
    return answers.every((answer) => says.test(answer))
  })
}

function slotsOf(primary: number): [from: number, to: number] {
  return [Math.ceil((primary * SLOTS) / PRIMARIES), Math.ceil(((primary + 1) * SLOTS) / PRIMARIES) - 1]
}

async function prefixWithin(server: RedisServer, [from, to]: [number, number]): Promise<string> {
  for (let tag = 0; ; tag++) {
    const slot = Number(await server.ask('CLUSTER', 'KEYSLOT', `{${tag}}`))
    if (slot >= from && slot <= to) return `{${tag}}`
  }
}
