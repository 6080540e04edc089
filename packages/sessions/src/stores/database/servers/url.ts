/**
 * What the URL of a database server names, and the settings that travel in it:
 *
 *     postgres://[user[:password]@]host[:port][,host[:port]]/database       also postgresql://
 *     mysql://[user[:password]@]host[:port][,host[:port]]/database          also mariadb://
 *
 * Of several hosts, one is the primary, see primary.ts. The WHATWG parser refuses such a URL, so this file parses it. Every error
 * is one line that says what was given and what is accepted, and never repeats a password.
 */
import { readFileSync } from 'node:fs'
import { StoreConfigError } from '../../../errors.ts'
import { decoded, setting, settings, type Settings } from '../../../url-settings.ts'

export type ServerKind = 'postgres' | 'mysql'

export interface HostAddress {
  readonly host: string
  readonly port: number
}

export interface ServerLocation {
  readonly kind: ServerKind
  readonly hosts: readonly HostAddress[]
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string
  /** Undefined: no encryption. */
  readonly tls: TlsOptions | undefined
  readonly settings: Settings<typeof rules>
}

export interface TlsOptions {
  readonly rejectUnauthorized: boolean
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export const TIMEOUT_MS = 1_000
export const CONNECTIONS_MAX = 10
const LEASE_MIN_MS = 100

const SHAPE = /^(postgres|postgresql|mysql|mariadb):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?.*)?$/is
const PORTS: Readonly<Record<ServerKind, number>> = { postgres: 5432, mysql: 3306 }

const POSTGRES_ONLY = {
  /** Whether a change is on the disk of the server (and of its synchronous standbys) before it is acknowledged. */
  synchronousCommit: setting.oneOf('on', 'off', 'local', 'remote_write', 'remote_apply'),
  /** Under a near-cache: for how long after a node has died changes of the records that it held copies of may have to wait. */
  leaseMs: setting.durationMs(LEASE_MIN_MS),
}
const rules = {
  /** How long one call may take, its wait for a connection included. */
  timeoutMs: setting.durationMs(),
  openTimeoutMs: setting.durationMs(),
  connectionsMax: setting.wholeNumber(1, 1_000),
  sslmode: setting.oneOf('disable', 'require', 'verify-full'),
  /** Paths of PEM files. */
  ca: setting.text,
  cert: setting.text,
  key: setting.text,
  ...POSTGRES_ONLY,
}

export function serverLocation(url: string): ServerLocation {
  const [, scheme = '', authority = '', path = ''] = SHAPE.exec(url) ?? []
  if (scheme === '')
    throw new StoreConfigError('a database URL is postgres://host:port/database, and yours has another form')
  const kind: ServerKind = /^postgres/i.test(scheme) ? 'postgres' : 'mysql'
  const at = authority.lastIndexOf('@')
  if (at === -1 && path.includes('@'))
    throw new StoreConfigError("'/', '?' and '#' in the password of the store's URL are written %2F, %3F and %23")
  const [, user, password] = /^([^:]*)(?::(.*))?$/s.exec(authority.slice(0, Math.max(0, at))) ?? []
  const database = decoded(path)
  if (database === '' || database.includes('/'))
    throw new StoreConfigError(`the store's URL ends in the database's name, as in ${kind}://host/shop`)
  const given = settings(
    url,
    rules,
    kind === 'postgres' ? {} : Object.fromEntries(Object.keys(POSTGRES_ONLY).map((name) => [name, 'postgres:'])),
  )
  return {
    kind,
    hosts: authority
      .slice(at + 1)
      .split(',')
      .map((each) => hostAddress(each, PORTS[kind])),
    user: text(user),
    password: text(password),
    database,
    tls: tlsOptions(given),
    settings: given,
  }
}

/** For error messages. */
export function addressOf({ kind, hosts }: ServerLocation): string {
  return `${kind} at ${hosts.map(({ host, port }) => `${host}:${port}`).join(', ')}`
}

function text(encoded: string | undefined): string | undefined {
  return encoded === undefined || encoded === '' ? undefined : decoded(encoded)
}

function hostAddress(given: string, defaultPort: number): HostAddress {
  const [, v6, name, digits] = /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(given) ?? []
  const host = v6 ?? name
  const port = digits === undefined ? defaultPort : Number(digits)
  if (host === undefined || port < 1 || port > 65_535)
    throw new StoreConfigError(`'${given}' in the store's URL is not a host: use host, host:port or [ipv6]:port`)
  return { host: decoded(host), port }
}

function tlsOptions({ sslmode = 'disable', ca, cert, key }: Settings<typeof rules>): TlsOptions | undefined {
  if (sslmode === 'disable') {
    if ((ca ?? cert ?? key) === undefined) return undefined
    throw new StoreConfigError("ca, cert and key in the store's URL go with sslmode=require or sslmode=verify-full")
  }
  return {
    rejectUnauthorized: sslmode === 'verify-full',
    ...(ca !== undefined && { ca: pem('ca', ca) }),
    ...(cert !== undefined && { cert: pem('cert', cert) }),
    ...(key !== undefined && { key: pem('key', key) }),
  }
}

function pem(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new StoreConfigError(`${name}= in the store's URL names a file that can't be read: ${path}`, cause)
  }
}
