/**
 * What a Redis URL names, and the settings that travel in it:
 *
 *     redis://[user:password@]host[:port][/database]                             one server
 *     redis+sentinel://[user:password@]host[:port],host[:port]/master[/database]  a group, found through its Sentinels
 *     redis+cluster://[user:password@]host[:port],host[:port]                     a Cluster, found through some of its nodes
 *
 * with `rediss` in place of `redis` for TLS. The WHATWG parser refuses a URL with several hosts, so this file parses it.
 * Every error is one line that says what was given and what is accepted, and never repeats a password.
 */
import type { Ack } from '../../contract.ts'
import { StoreConfigError } from '../../errors.ts'
import { decoded, setting, settings, type Settings } from '../../url-settings.ts'

/** What becomes of a change on a primary that has too few replicas for the wanted copies. */
export type FewerCopies = 'acknowledge' | 'refuse'

export type RedisTopology = 'single' | 'sentinel' | 'cluster'

export interface RedisAddress {
  readonly host: string
  readonly port: number
}

export interface RedisLocation {
  readonly topology: RedisTopology
  readonly tls: boolean
  readonly hosts: readonly RedisAddress[]
  readonly username: string
  readonly password: string
  /** The name of the group at the Sentinels; empty for the other topologies. */
  readonly master: string
  readonly database: number
  readonly settings: Settings<typeof rules>
}

const SHAPE = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?(.*))?$/is
const REDIS_PORT = 6379
const SENTINEL_PORT = 26379
const SENTINEL_ONLY = { sentinelUsername: setting.text, sentinelPassword: setting.secret }
/** Paths of PEM files, and the name in the server's certificate. */
const TLS_ONLY = { ca: setting.text, cert: setting.text, key: setting.text, servername: setting.text }
/** Enough for a renewal to come back before the lease ends. */
const LEASE_MIN_MS = 100
const rules = {
  prefix: setting.text,
  timeoutMs: setting.durationMs(),
  openTimeoutMs: setting.durationMs(),
  ack: setting.oneOf<Ack>('local', 'one', 'quorum', 'all'),
  replicas: setting.wholeNumber(1),
  fewerCopies: setting.oneOf<FewerCopies>('acknowledge', 'refuse'),
  fewerCopiesMaxMs: setting.durationMs(),
  leaseMs: setting.durationMs(LEASE_MIN_MS),
  ...SENTINEL_ONLY,
  ...TLS_ONLY,
}

export function redisLocation(url: string): RedisLocation {
  const [, scheme, kind, authority = '', path = '', query = ''] = SHAPE.exec(url) ?? []
  if (scheme === undefined)
    throw new StoreConfigError('a Redis URL is redis://host:port/database, and yours has another form')
  const topology = (kind?.toLowerCase() as 'sentinel' | 'cluster' | undefined) ?? 'single'
  const tls = scheme.toLowerCase() === 'rediss'
  const at = authority.lastIndexOf('@')
  if (at === -1) refuseCutPassword(path, query)
  const [username, password] = credentials(authority.slice(0, Math.max(0, at)))
  return {
    topology,
    tls,
    hosts: addresses(authority.slice(at + 1), topology),
    username,
    password,
    ...masterAndDatabase(path, topology),
    settings: settings(url, rules, {
      ...(topology === 'sentinel' ? {} : goesWith('redis+sentinel:', SENTINEL_ONLY)),
      ...(tls ? {} : goesWith('rediss:', TLS_ONLY)),
    }),
  }
}

function goesWith(scheme: string, only: object): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(only).map((name) => [name, scheme]))
}

/** The error repeats no part of such a URL: what looks like a host or a setting may be the rest of a password. */
function refuseCutPassword(path: string, query: string): void {
  const strange = query.split('&').filter((part) => !Object.keys(rules).some((name) => part.startsWith(`${name}=`)))
  if ([path, ...strange].some((part) => part.includes('@')))
    throw new StoreConfigError("'/', '?' and '#' in the password of the store's URL are written %2F, %3F and %23")
}

function credentials(text: string): [username: string, password: string] {
  const colon = text.indexOf(':')
  const parts = colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
  const [username = '', password = ''] = parts.map(decoded)
  return [username, password]
}

function addresses(text: string, topology: RedisTopology): RedisAddress[] {
  const hosts = text.split(',').map((each) => address(each, topology === 'sentinel' ? SENTINEL_PORT : REDIS_PORT))
  if (topology === 'single' && hosts.length > 1) {
    throw new StoreConfigError(
      `redis: names one server, and the store's URL has ${hosts.length}: use redis+sentinel: or redis+cluster:`,
    )
  }
  return hosts
}

function address(text: string, defaultPort: number): RedisAddress {
  const [, v6, name, digits] = /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const host = v6 ?? name
  const port = digits === undefined ? defaultPort : Number(digits)
  if (host === undefined || port < 1 || port > 65_535) {
    throw new StoreConfigError(`'${text}' in the store's URL is not a host: use host, host:port or [ipv6]:port`)
  }
  return { host, port }
}

function masterAndDatabase(path: string, topology: RedisTopology): { master: string; database: number } {
  const parts = path === '' ? [] : path.split('/')
  const master = topology === 'sentinel' ? decoded(parts.shift() ?? '') : ''
  if (topology === 'sentinel' && master === '') {
    throw new StoreConfigError(
      "a redis+sentinel: URL ends in the group's name, as in redis+sentinel://host:26379/mymaster",
    )
  }
  const [database = ''] = parts
  if (parts.length > 1 || !/^\d{0,5}$/.test(database)) {
    throw new StoreConfigError(
      `the database in the store's URL is '${parts.join('/')}', and takes a whole number from 0`,
    )
  }
  if (topology === 'cluster' && Number(database) !== 0) {
    throw new StoreConfigError(`a Redis Cluster has only database 0, and the store's URL has '${database}'`)
  }
  return { master, database: Number(database) }
}
