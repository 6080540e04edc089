/** A Redis Cluster of three primaries, the first of which has a replica or each of them, every server a process of its own. */
import { type RedisServer, redisServer, redisServers } from './server.ts'
import { until } from '../until.ts'

export interface RedisCluster {
  readonly url: string
  readonly primaries: readonly RedisServer[]
  /** Of the first primary. */
  readonly replica: RedisServer
  /** Of the first primary, the second and so on. */
  readonly replicas: readonly RedisServer[]
  /** Starts one more primary, which serves no slot yet. */
  join(): Promise<RedisServer>
  /** A prefix that puts every key into one slot, which the given primary serves. */
  prefixOn(primary: number): Promise<string>
  stop(): Promise<void>
}

const SLOTS = 16_384
const PRIMARIES = 3

export async function redisCluster({ nodeTimeoutMs = 2_000, replicas: count = 1 } = {}): Promise<RedisCluster> {
  const settings = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    nodeTimeoutMs,
    '--cluster-replica-validity-factor',
    0,
  ]
  const servers = await redisServers(Array.from({ length: PRIMARIES + count }, () => ({ settings })))
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  try {
    await joined(servers)
    const [first, , , replica] = servers as [RedisServer, RedisServer, RedisServer, RedisServer]
    const replicas = servers.slice(PRIMARIES)
    for (const [index, follower] of replicas.entries()) await following(servers[index] as RedisServer, follower, index)
    for (const { port } of replicas) await everywhere(servers, 'SLOTS', new RegExp(`,${port},`))
    return {
      url: `redis+cluster://127.0.0.1:1,${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
      primaries: servers.slice(0, PRIMARIES),
      replica,
      replicas,
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

async function following(primary: RedisServer, replica: RedisServer, index: number): Promise<void> {
  await replica.ask('CLUSTER', 'REPLICATE', await primary.ask('CLUSTER', 'MYID'))
  await until('the replica to follow', async () => {
    return /^slave0:.*state=online/m.test(await primary.ask('INFO', 'replication'))
  })
  // A replica that has copied nothing yet is not told to clients.
  await primary.ask('SET', await prefixWithin(primary, slotsOf(index)), '', 'PX', 1)
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
  const alive = servers.filter(({ process }) => process.exitCode === null && process.signalCode === null)
  for (const { port } of alive) {
    const others = alive.filter((server) => server.port !== port)
    await Promise.all(others.map((server) => server.ask('CLUSTER', 'MEET', '127.0.0.1', port)))
  }
  await everywhere(alive, 'INFO', new RegExp(`cluster_known_nodes:${servers.length}\r`))
  await everywhere(alive, 'INFO', /cluster_state:ok\r/)
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
