/** What in the settings and the state of a Memcached server loses sessions, or may. */
import {
  at,
  clockFinding,
  connectionsFinding,
  type Finding,
  isNearlyFull,
  megabytes,
  networkFindings,
  percent,
} from '../../findings.ts'
import type { MemcachedServer } from './server.ts'
import type { MemcachedLocation } from './url.ts'

type Stats = ReadonlyMap<string, string>

/** Its clock goes by whole seconds from its start on. */
const CLOCK_PRECISION_MS = 3_000
/** What a session may take, 256 KiB, and as much again for what the layer keeps beside it. */
const ITEM_BYTES_MIN = 512 * 1024

export async function memcachedFindings(
  servers: readonly MemcachedServer[],
  { servers: names, tls, settings }: MemcachedLocation,
): Promise<readonly Finding[]> {
  const network = networkFindings({
    hosts: names.map((name) => name.replace(/:\d+$/, '')),
    tls,
    hasLogin: settings.cert !== undefined,
    remedyTls: 'use memcacheds://, and start Memcached with -Z',
    remedyLogin: 'let only the nodes reach its port, by a firewall or by client certificates',
  })
  const each = await Promise.all(servers.map((server) => findingsOf(server)))
  const found = each.flatMap((findings, index) =>
    servers.length === 1 ? findings : findings.map((one) => at(names[index] ?? '', one)),
  )
  const inMemory: Finding = {
    level: 'loss',
    name: 'in-memory',
    line: 'Memcached keeps sessions in memory alone: a restart or the death of a server logs out the users whose sessions it has',
    remedy: 'take a store that keeps them: redis:, a database, or replicated:',
  }
  return [...network, inMemory, ...found]
}

async function findingsOf(server: MemcachedServer): Promise<Finding[]> {
  try {
    const startedAtMs = performance.now()
    const stats = await server.stats()
    const tookMs = performance.now() - startedAtMs
    const settings = await server.stats('settings')
    const number = (from: Stats, name: string) => Number(from.get(name) ?? 0)
    // Some it keeps for itself.
    const connectionsMax = number(stats, 'max_connections') - number(stats, 'reserved_fds')
    const clockAheadMs = number(stats, 'time') * 1_000 - Date.now()
    return [
      { level: 'fine', name: 'version', line: `Memcached ${stats.get('version') ?? 'unknown'}` },
      evictions(number(stats, 'evictions'), number(stats, 'bytes'), number(stats, 'limit_maxbytes'), settings),
      itemSize(number(settings, 'item_size_max')),
      connectionsFinding(number(stats, 'curr_connections'), connectionsMax, 'raise -c'),
      clockFinding(clockAheadMs, CLOCK_PRECISION_MS + tookMs),
    ]
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : (error as Error)
    const line = `it can't be reached (${cause.message}): the sessions on it are unavailable`
    return [
      { level: 'loss', name: 'unreachable', line, remedy: 'start it, or mend its address in the URL of every node' },
    ]
  }
}

function evictions(evicted: number, used: number, limit: number, settings: Stats): Finding {
  const room = `it uses ${megabytes(used)} of ${megabytes(limit)} (-m), ${percent(used, limit || 1)}`
  const name = 'evictions'
  const remedy = 'raise -m; keep nothing but sessions in it'
  if (settings.get('evictions') === 'off') {
    const level = isNearlyFull(used, limit) ? 'warning' : 'fine'
    const line = `${room}; with -M a full server refuses logins and logs out no user`
    return { level, name: 'memory', line, ...(level === 'warning' && { remedy: 'raise -m' }) }
  }
  if (evicted > 0) {
    const line = `it has evicted ${evicted} records since it started: those users were logged out; ${room}`
    return { level: 'loss', name, line, remedy }
  }
  if (!isNearlyFull(used, limit)) return { level: 'fine', name, line: `it has evicted nothing; ${room}` }
  return { level: 'warning', name, line: `${room}: soon it evicts sessions, and logs out their users`, remedy }
}

function itemSize(bytesMax: number): Finding {
  const line = `an item holds ${Math.round(bytesMax / 1024)} kB`
  if (bytesMax >= ITEM_BYTES_MIN) return { level: 'fine', name: 'item-size', line }
  const remedy = 'start Memcached with -I 1m, or lower dataBytesMax'
  return { level: 'warning', name: 'item-size', line: `${line}: larger sessions are refused`, remedy }
}
