/**
 * What a Memcached URL names, and the settings that travel in it:
 *
 *     memcached://host[:port]                       one server
 *     memcached://host[:port],host[:port],...       several: each session is on one of them
 *
 * with `memcacheds` in place of `memcached` for TLS. Sessions are placed by the servers' names, so every node needs the same
 * names, in any order.
 */
import { StoreConfigError } from '../../errors.ts'
import { setting, type Settings, settings } from '../../url-settings.ts'

export interface MemcachedLocation {
  readonly tls: boolean
  /** Each as `host:port`. */
  readonly servers: readonly string[]
  readonly settings: MemcachedSettings
}

export type MemcachedSettings = Settings<typeof rules>

const SHAPE = /^(memcacheds?):\/\/([^/?#]*)\/?(?:[?#].*)?$/is
const PORT = 11_211
export const SERVERS_MAX = 64
/** Memcached takes keys of 250 bytes, and ours have up to 50. */
const PREFIX_LENGTH_MAX = 200

/** Paths of PEM files, but for the last. */
const TLS_ONLY = { ca: setting.text, cert: setting.text, key: setting.text, servername: setting.text }
const rules = {
  prefix: {
    takes: `up to ${PREFIX_LENGTH_MAX} visible ASCII characters`,
    read: (text: string) => (text.length <= PREFIX_LENGTH_MAX && /^[!-~]*$/.test(text) ? text : undefined),
  },
  timeoutMs: setting.durationMs(),
  openTimeoutMs: setting.durationMs(),
  ...TLS_ONLY,
}

export function memcachedLocation(url: string): MemcachedLocation {
  // First of all, so that no other error repeats a part of a password.
  if (url.includes('@'))
    throw new StoreConfigError("a Memcached URL takes no user or password: the driver can't log in to a server")
  const [, scheme, authority = ''] = SHAPE.exec(url) ?? []
  if (scheme === undefined)
    throw new StoreConfigError('a Memcached URL is memcached://host:port,host:port, and yours has another form')
  const tls = scheme.toLowerCase() === 'memcacheds'
  const elsewhere = Object.fromEntries(Object.keys(TLS_ONLY).map((name) => [name, 'memcacheds:']))
  return { tls, servers: serverNames(authority), settings: settings(url, rules, tls ? {} : elsewhere) }
}

function serverNames(authority: string): string[] {
  const names = authority.split(',').map((text) => serverName(text))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new StoreConfigError(`the store's URL has '${twice}' twice`)
  if (names.length > SERVERS_MAX)
    throw new StoreConfigError(`the store's URL names ${names.length} servers, and takes ${SERVERS_MAX} at most`)
  return names
}

function serverName(text: string): string {
  if (text.startsWith('['))
    throw new StoreConfigError(
      `'${text}' in the store's URL is an IPv6 address, which the driver can't use: name a host`,
    )
  const [, host, digits] = /^([^:\s]+)(?::(\d{1,5}))?$/.exec(text) ?? []
  const port = digits === undefined ? PORT : Number(digits)
  if (host === undefined || port < 1 || port > 65_535)
    throw new StoreConfigError(`'${text}' in the store's URL is not a server: use host or host:port`)
  return `${host.toLowerCase()}:${port}`
}
