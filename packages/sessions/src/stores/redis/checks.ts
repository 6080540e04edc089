/** What in the settings and the state of a Redis primary loses sessions, or may. */
import { statfs } from 'node:fs/promises'
import type { Redis } from 'ioredis'
import type { Ack } from '../../contract.ts'
import {
  at,
  clockFinding,
  connectionsFinding,
  type Finding,
  isLoopback,
  isNearlyFull,
  megabytes,
  networkFindings,
  percent,
} from '../../findings.ts'
import type { RedisConnection } from './connection.ts'
import { addressOf } from './route.ts'
import type { RedisLocation } from './url.ts'

/** What one primary says of itself. */
interface Facts {
  /** INFO. */
  readonly info: ReadonlyMap<string, string>
  /** Undefined for a setting that the server does not tell, as a rented one that refuses CONFIG. */
  readonly setting: (name: string) => string | undefined
  readonly clockAheadMs: number
  readonly tookMs: number
  readonly isHere: boolean
  readonly ack: Ack
  readonly topology: RedisLocation['topology']
}

const SETTINGS = ['save', 'appendonly', 'appendfsync', 'min-replicas-to-write', 'dir']
/** Streams are there from here on. */
const MAJOR_MIN = 5
const LAG_MAX_S = 3

export async function redisFindings(
  connection: RedisConnection,
  location: RedisLocation,
  ack: Ack,
): Promise<readonly Finding[]> {
  const { hosts, tls, password, topology } = location
  const network = networkFindings({
    hosts: hosts.map(({ host }) => host),
    tls,
    hasLogin: password !== '' || location.settings.cert !== undefined,
    remedyTls: 'use rediss://, and give Redis a certificate (tls-port, tls-cert-file)',
    remedyLogin: 'set a user with ACL SETUSER, or requirepass, and name it in the URL',
  })
  const primaries = connection.primaries()
  const found = await Promise.all(
    primaries.map(async (primary) => {
      const facts = await connection.asked(() => factsOf(primary, ack, topology))
      const findings = checks.flatMap((check) => check(facts)).concat(await diskFindings(facts))
      return primaries.length > 1 ? findings.map((each) => at(addressOf(primary), each)) : findings
    }),
  )
  return [...network, ...found.flat()]
}

async function factsOf(primary: Redis, ack: Ack, topology: RedisLocation['topology']): Promise<Facts> {
  const startedAtMs = performance.now()
  const [seconds, micros] = await primary.time()
  const tookMs = performance.now() - startedAtMs
  const clockAheadMs = Number(seconds) * 1_000 + Number(micros) / 1_000 - (Date.now() - tookMs / 2)
  const info = new Map((await primary.info()).split('\r\n').map((line) => split(line)))
  const config = await settingsOf(primary)
  const host = primary.stream?.remoteAddress ?? ''
  return { info, setting: (name) => config.get(name), clockAheadMs, tookMs, isHere: isLoopback(host), ack, topology }
}

function split(line: string): [name: string, value: string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1)]
}

async function settingsOf(primary: Redis): Promise<ReadonlyMap<string, string>> {
  try {
    const found = (await primary.config('GET', ...(SETTINGS as [string]))) as string[] | Record<string, string>
    if (!Array.isArray(found)) return new Map(Object.entries(found))
    return new Map(found.flatMap((name, index) => (index % 2 === 0 ? [[name, found[index + 1] ?? '']] : [])))
  } catch (error) {
    if (/^(NOPERM|ERR)/.test((error as Error).message)) return new Map()
    throw error
  }
}

const number = ({ info }: Facts, name: string): number => Number(info.get(name) ?? 0)

type Check = (facts: Facts) => Finding | Finding[]

const version: Check = ({ info }) => {
  const text = info.get('redis_version') ?? 'unknown'
  if (Number.parseInt(text, 10) >= MAJOR_MIN) return { level: 'fine', name: 'version', line: `Redis ${text}` }
  const line = `Redis ${text} lacks commands that the store needs`
  return { level: 'loss', name: 'version', line, remedy: `use Redis ${MAJOR_MIN} or newer` }
}

const role: Check = ({ info }) => {
  if (info.get('role') === 'master') return []
  const line = 'it is a replica: it refuses every login and every change'
  return { level: 'loss', name: 'replica', line, remedy: 'name the primary in the URL, or use redis+sentinel:' }
}

const eviction: Check = (facts) => {
  const policy = facts.info.get('maxmemory_policy')
  const evicted = number(facts, 'evicted_keys')
  if (policy === undefined)
    return {
      level: 'warning',
      name: 'eviction-policy',
      line: 'it does not tell its maxmemory-policy',
      remedy: 'make sure that it is noeviction: any other loses sessions',
    }
  if (policy === 'noeviction') return { level: 'fine', name: 'eviction-policy', line: 'maxmemory-policy is noeviction' }
  const remedy =
    'CONFIG SET maxmemory-policy noeviction, and the same in redis.conf; what needs a cache gets a Redis of its own'
  const isLimited = number(facts, 'maxmemory') > 0
  const so = evicted > 0 ? `, and it has evicted ${evicted} keys since it started` : ''
  const line = isLimited
    ? `maxmemory-policy is ${policy}: when Redis is full it deletes sessions, and their users are logged out${so}`
    : `maxmemory-policy is ${policy}: as soon as a maxmemory is set, Redis deletes sessions when it is full${so}`
  return { level: isLimited ? 'loss' : 'warning', name: 'eviction-policy', line, remedy }
}

const memory: Check = (facts) => {
  const used = number(facts, 'used_memory')
  const limit = number(facts, 'maxmemory') || number(facts, 'total_system_memory')
  const what = number(facts, 'maxmemory') > 0 ? 'maxmemory' : "the machine's memory"
  const line = `it uses ${megabytes(used)}, ${percent(used, limit || used)} of ${what}`
  if (!isNearlyFull(used, limit)) return { level: 'fine', name: 'memory', line }
  return {
    level: 'warning',
    name: 'memory',
    line: `${line}: a full Redis refuses logins and changes`,
    remedy: 'raise maxmemory, or shorten how long sessions live',
  }
}

const persistence: Check = (facts) => {
  const { info, setting, ack } = facts
  const hasReplicas = number(facts, 'connected_slaves') > 0
  const isCopied = hasReplicas && ack !== 'local'
  const remedy = 'CONFIG SET appendonly yes and CONFIG SET appendfsync always, and the same in redis.conf'
  const name = 'persistence'
  if (info.get('aof_enabled') !== '1') {
    const save = setting('save')
    if (save === undefined)
      return {
        level: 'warning',
        name,
        line: 'appendonly is off: a crash loses what came after the last snapshot, if any',
        remedy,
      }
    if (save === '')
      return {
        level: 'loss',
        name,
        line: 'nothing is kept on disk: a restart loses every session, and its replicas follow it',
        remedy,
      }
    const line = `appendonly is off: a crash loses every login and change since the last snapshot (save ${save})`
    return { level: isCopied ? 'warning' : 'loss', name, line, remedy }
  }
  const fsync = setting('appendfsync')
  if (fsync === 'always' || isCopied)
    return { level: 'fine', name, line: `changes are kept on disk (appendonly yes, appendfsync ${fsync ?? 'unknown'})` }
  const lost = fsync === 'no' ? 'whatever the system had not written yet, up to half a minute' : 'the last second'
  return {
    level: 'warning',
    name,
    line: `appendfsync is ${fsync ?? 'not told'}: a crash of the machine (not of Redis alone) loses ${lost} of acknowledged changes`,
    remedy: 'CONFIG SET appendfsync always, or a replica and ?ack=one',
  }
}

const disk: Check = ({ info }) => {
  const failing = ['aof_last_write_status', 'aof_last_bgrewrite_status', 'rdb_last_bgsave_status'].filter(
    (name) => info.get(name) === 'err',
  )
  if (failing.length === 0) return []
  const line = `it can't write to its disk (${failing.join(', ')}): it refuses changes, or loses them with a restart`
  return {
    level: 'loss',
    name: 'disk',
    line,
    remedy: 'look into its log; free the disk, or mend the rights on its directory',
  }
}

const replicas: Check = (facts) => {
  const { info, setting, ack, topology } = facts
  const count = number(facts, 'connected_slaves')
  if (count === 0) {
    if (topology === 'single') return []
    const line = 'it has no replica: if it dies there is nothing to fail over to'
    return { level: 'warning', name: 'replicas', line, remedy: 'start a replica of it on another machine' }
  }
  const late = [...info].filter(([name, value]) => /^slave\d+$/.test(name) && isLate(value)).length
  const found: Finding[] = [
    { level: 'fine', name: 'replicas', line: `${count} connected ${count === 1 ? 'replica' : 'replicas'}` },
  ]
  if (late > 0)
    found.push({
      level: 'warning',
      name: 'replica-lag',
      line: `${late} of ${count} replicas are not in step (more than ${LAG_MAX_S} s behind): promoted now, they lose sessions`,
      remedy: 'look into their logs and the network to them',
    })
  if (ack === 'local')
    found.push({
      level: 'warning',
      name: 'ack',
      line: 'changes are acknowledged before a replica has them: a failover loses the last ones',
      remedy: 'add ?ack=one to the URL',
    })
  if (setting('min-replicas-to-write') === '0')
    found.push({
      level: 'warning',
      name: 'min-replicas',
      line: 'min-replicas-to-write is 0: a primary that is cut off goes on accepting changes, which are lost when it follows the new one',
      remedy: 'CONFIG SET min-replicas-to-write 1 and min-replicas-max-lag 10, and the same in redis.conf',
    })
  return found
}

function isLate(value: string): boolean {
  return !value.includes('state=online') || Number(/lag=(\d+)/.exec(value)?.[1] ?? 0) > LAG_MAX_S
}

const connections: Check = (facts) => {
  const limit = number(facts, 'maxclients')
  return limit === 0 ? [] : connectionsFinding(number(facts, 'connected_clients'), limit, 'raise maxclients')
}

const clock: Check = ({ clockAheadMs, tookMs }) => clockFinding(clockAheadMs, tookMs)

const checks: readonly Check[] = [version, role, eviction, memory, persistence, disk, replicas, connections, clock]

/** Only a server on this machine has its disk here. */
async function diskFindings({ isHere, setting }: Facts): Promise<Finding[]> {
  const directory = setting('dir')
  if (!isHere || directory === undefined) return []
  try {
    const { bavail, blocks, bsize } = await statfs(directory)
    const line = `${megabytes(bavail * bsize)} are free on its disk`
    if (!isNearlyFull(blocks - bavail, blocks)) return [{ level: 'fine', name: 'disk-space', line }]
    const used = `${line}, and ${percent(blocks - bavail, blocks)} are used: on a full disk it refuses changes`
    return [{ level: 'warning', name: 'disk-space', line: used, remedy: 'free the disk' }]
  } catch {
    // It runs in a container, or its directory is not ours to look into.
    return []
  }
}
