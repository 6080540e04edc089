/** The balancer's configuration: every default, every bound and what each key takes. Nothing else reads the environment. */
import type { CertificateFiles } from './certificates.ts'
import { addressRange } from './trusted-proxies.ts'
import type { AddressRange } from './trusted-proxies.ts'

export interface UpstreamAddress {
  readonly name: string
  /** Origin only, as in `http://127.0.0.1:8081`. */
  readonly url: string
  readonly hostname: string
  readonly port: number
  /** How many requests it gets beside an upstream of weight 1. */
  readonly weight?: number
}

const ROUTINGS = ['round-robin', 'least-busy', 'affinity', 'session-id'] as const
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** Field: its key, default, least and greatest value. */
const NUMBERS = {
  /** How long requests in flight may take to finish once the balancer was told to stop. */
  drainMs: ['DRAIN_MS', 10_000, 0, 3_600_000],
  /** How many upstreams one request is tried at. Each leaves listeners on the request, and Node warns beyond ten. */
  attemptsMax: ['ATTEMPTS_MAX', 5, 1, 8],
  connectTimeoutMs: ['CONNECT_TIMEOUT_MS', 1_000, 10, 60_000],
  /** How long an upstream may take to begin its answer, counted anew with each piece of an upload that it accepts. */
  attemptTimeoutMs: ['ATTEMPT_TIMEOUT_MS', 30_000, 10, 3_600_000],
  /** The longest pause between two pieces of an answer, whether the upstream or the client makes it. */
  answerIdleMs: ['ANSWER_IDLE_MS', 120_000, 10, 3_600_000],
  /** By session id: how much of its part, in percent, an upstream may have under way before the next one gets more. */
  loadBoundPercent: ['LOAD_BOUND_PERCENT', 125, 101, 1_000],
  /** How long an upstream that comes, or comes back, takes to get its whole share. */
  slowStartMs: ['SLOW_START_MS', 2_000, 0, 3_600_000],
  upstreamSocketsMax: ['UPSTREAM_SOCKETS_MAX', 256, 1, 65_535],
  /** Requests at one upstream, those that wait for a socket included. Beyond it the upstream is passed over. */
  upstreamInFlightMax: ['UPSTREAM_IN_FLIGHT_MAX', 1_024, 1, 1_000_000],
  /** How long a connection to an upstream is kept without use. Must be less than the upstream's own keep-alive timeout. */
  upstreamIdleMs: ['UPSTREAM_IDLE_MS', 4_000, 1, 3_600_000],
  probeIntervalMs: ['PROBE_INTERVAL_MS', 250, 10, 60_000],
  probeTimeoutMs: ['PROBE_TIMEOUT_MS', 500, 10, 60_000],
  /** Probes in a row that must say ready before an upstream is readmitted. */
  probeRise: ['PROBE_RISE', 1, 1, 100],
  /** Probes in a row that must fail before an upstream is ejected. A refused connection ejects at once. */
  probeFall: ['PROBE_FALL', 2, 1, 100],
  clientConnectionsMax: ['CLIENT_CONNECTIONS_MAX', 10_000, 1, 1_000_000],
  /** Open from one address, or from one /64 of IPv6. Trusted proxies are not counted. */
  clientConnectionsPerAddressMax: ['CLIENT_CONNECTIONS_PER_ADDRESS_MAX', 1_024, 1, 1_000_000],
  /** Requests that wait on one connection behind the one under way, before no more is read from it. */
  clientPipelineMax: ['CLIENT_PIPELINE_MAX', 32, 1, 10_000],
  clientBodyBytesMax: ['CLIENT_BODY_BYTES_MAX', 104_857_600, 0, Number.MAX_SAFE_INTEGER],
  clientHeaderFieldsMax: ['CLIENT_HEADER_FIELDS_MAX', 256, 8, 10_000],
  clientHeaderBytesMax: ['CLIENT_HEADER_BYTES_MAX', 16_384, 1_024, 1_048_576],
  clientHeadersTimeoutMs: ['CLIENT_HEADERS_TIMEOUT_MS', 10_000, 10, 3_600_000],
  /** How long a client may take to send a whole request. */
  clientRequestTimeoutMs: ['CLIENT_REQUEST_TIMEOUT_MS', 120_000, 10, 3_600_000],
  clientKeepAliveMs: ['CLIENT_KEEP_ALIVE_MS', 60_000, 1, 3_600_000],
  /** How long the answer may take to begin once the client closed its sending side, which looks as if it had left. */
  clientHalfClosedMs: ['CLIENT_HALF_CLOSED_MS', 1_000, 1, 3_600_000],
  /** How often the files of the certificate are looked at for new ones. */
  tlsCheckMs: ['TLS_CHECK_MS', 5_000, 10, 3_600_000],
  /** How long browsers shall use nothing but TLS for this host; 0 says nothing of it. */
  hstsMaxAgeS: ['HSTS_MAX_AGE_S', 0, 0, 1_000_000_000],
} as const satisfies Record<string, readonly [key: string, fallback: number, min: number, max: number]>

type Numbers = { readonly [Field in keyof typeof NUMBERS]: number }

export interface Config extends Numbers {
  readonly host: string
  readonly port: number
  readonly adminHost: string
  /** Undefined: no admin listener. */
  readonly adminPort: number | undefined
  /** Undefined: plain HTTP. */
  readonly tls: CertificateFiles | undefined
  /** Where plain HTTP is told to come by TLS; undefined: nowhere. */
  readonly redirectPort: number | undefined
  /** The port that clients know TLS by, where it is not the one listened on. */
  readonly publicPort: number | undefined
  readonly trustedProxies: readonly AddressRange[]
  /** Whether connections from trusted proxies begin with a line of the PROXY protocol. */
  readonly proxyProtocol: boolean
  readonly upstreams: readonly UpstreamAddress[]
  readonly routing: (typeof ROUTINGS)[number]
  /** Newest first. Undefined: one is made up, and pins end with the process. */
  readonly affinityKeys: readonly string[] | undefined
  /** The cookie whose first part, up to a dot, says which session it is. */
  readonly sessionCookie: string
  /** Whether the affinity cookie is for TLS only. */
  readonly cookieSecure: boolean
  readonly logLevel: (typeof LOG_LEVELS)[number]
}

export class ConfigError extends Error {
  readonly code = 'CONFIG'

  constructor(key: string, got: string, takes: string) {
    super(`${key} ${got}, but takes ${takes}.`)
    this.name = 'ConfigError'
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/** Throws ConfigError for the first key that is missing or wrong. */
export function readConfig(env: Environment): Readonly<Config> {
  const production = env['NODE_ENV'] === 'production'
  const config = {
    host: read(env, 'HOST') ?? '127.0.0.1',
    port: integer(env, 'PORT', 0, 65_535) ?? 8080,
    adminHost: read(env, 'ADMIN_HOST') ?? '127.0.0.1',
    adminPort: integer(env, 'ADMIN_PORT', 0, 65_535),
    tls: certificateFiles(env),
    redirectPort: integer(env, 'REDIRECT_PORT', 0, 65_535),
    publicPort: integer(env, 'PUBLIC_PORT', 1, 65_535),
    trustedProxies: addressRanges(env, 'TRUSTED_PROXIES'),
    proxyProtocol: choice(env, 'PROXY_PROTOCOL', ['true', 'false']) === 'true',
    upstreams: upstreams(env),
    routing: choice(env, 'ROUTING', ROUTINGS) ?? 'round-robin',
    affinityKeys: secrets(env, 'AFFINITY_KEYS'),
    cookieSecure:
      (choice(env, 'COOKIE_SECURE', ['true', 'false']) ?? String(production || read(env, 'TLS_CERT') !== undefined)) ===
      'true',
    sessionCookie: read(env, 'SESSION_COOKIE') ?? 'sid',
    logLevel: choice(env, 'LOG_LEVEL', LOG_LEVELS) ?? 'info',
    ...numbers(env),
  }
  if (config.clientHeadersTimeoutMs > config.clientRequestTimeoutMs) {
    const [key] = NUMBERS.clientHeadersTimeoutMs
    throw new ConfigError(key, `is ${config.clientHeadersTimeoutMs}`, 'at most CLIENT_REQUEST_TIMEOUT_MS')
  }
  checkEdge(config)
  return Object.freeze(config)
}

/** What only makes sense together. */
function checkEdge(
  config: Pick<Config, 'tls' | 'redirectPort' | 'hstsMaxAgeS' | 'proxyProtocol' | 'trustedProxies'>,
): void {
  const withTls = 'a value only beside TLS_CERT and TLS_KEY'
  if (config.tls === undefined && config.redirectPort !== undefined)
    throw new ConfigError('REDIRECT_PORT', 'is set', withTls)
  if (config.tls === undefined && config.hstsMaxAgeS > 0) throw new ConfigError('HSTS_MAX_AGE_S', 'is set', withTls)
  if (config.proxyProtocol && config.trustedProxies.length === 0) {
    throw new ConfigError('PROXY_PROTOCOL', 'is true', 'true only beside TRUSTED_PROXIES, from whom alone it is taken')
  }
}

function certificateFiles(env: Environment): CertificateFiles | undefined {
  const certPath = read(env, 'TLS_CERT')
  const keyPath = read(env, 'TLS_KEY')
  if (certPath !== undefined && keyPath !== undefined) return { certPath, keyPath }
  if (certPath === undefined && keyPath === undefined) return undefined
  throw new ConfigError(
    certPath === undefined ? 'TLS_CERT' : 'TLS_KEY',
    'is missing',
    'the path of a PEM file, as the other does',
  )
}

function addressRanges(env: Environment, key: string): readonly AddressRange[] {
  const entries = read(env, key)?.split(',') ?? []
  return entries.map((entry) => {
    const range = addressRange(entry.trim())
    if (range !== undefined) return range
    throw new ConfigError(
      key,
      `has ${JSON.stringify(entry)}`,
      'addresses and networks such as 10.0.0.0/8 or 2001:db8::/32',
    )
  })
}

function numbers(env: Environment): Numbers {
  const entries = Object.entries(NUMBERS).map(([field, [key, fallback, min, max]]) => [
    field,
    integer(env, key, min, max) ?? fallback,
  ])
  return Object.fromEntries(entries) as Numbers
}

/** An empty variable counts as absent: that is what compose files leave behind. */
function read(env: Environment, key: string): string | undefined {
  const value = env[key]?.trim()
  return value === '' ? undefined : value
}

function integer(env: Environment, key: string, min: number, max: number): number | undefined {
  const value = read(env, key)
  if (value === undefined) return undefined
  const number = Number(value)
  if (/^\d+$/.test(value) && number >= min && number <= max) return number
  throw new ConfigError(key, `is ${JSON.stringify(value)}`, `a whole number from ${min} to ${max}`)
}

function choice<Choice extends string>(env: Environment, key: string, choices: readonly Choice[]): Choice | undefined {
  const value = read(env, key)
  if (value === undefined) return undefined
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  throw new ConfigError(key, `is ${JSON.stringify(value)}`, choices.join(' | '))
}

const SECRET_LENGTH_MIN = 32

function secrets(env: Environment, key: string): readonly string[] | undefined {
  const keys = read(env, key)?.split(',')
  const short = keys?.find((secret) => secret.length < SECRET_LENGTH_MIN)
  if (short === undefined) return keys
  // The length and not the value: this line ends up in logs.
  const takes = `secrets of at least ${SECRET_LENGTH_MIN} characters, separated by commas, newest first`
  throw new ConfigError(key, `has a secret of ${short.length} characters`, takes)
}

function upstreams(env: Environment): readonly UpstreamAddress[] {
  const takes = 'name=http://host:port, separated by commas, each name and address once'
  const value = read(env, 'UPSTREAMS')
  if (value === undefined) throw new ConfigError('UPSTREAMS', 'is missing', takes)
  const fault = new ConfigError('UPSTREAMS', `is ${JSON.stringify(value)}`, takes)
  const found = value.split(',').map((entry) => upstream(entry.trim(), fault))
  const distinct = (of: 'name' | 'url') => new Set(found.map((address) => address[of])).size
  if (distinct('name') < found.length || distinct('url') < found.length) throw fault
  return found
}

function upstream(entry: string, fault: ConfigError): UpstreamAddress {
  const [, name, address] = /^([A-Za-z0-9_-]+)=(http:\/\/[^/?#@]+)\/?$/.exec(entry) ?? []
  if (name === undefined || address === undefined || !URL.canParse(address)) throw fault
  const url = new URL(address)
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { name, url: url.origin, hostname, port: url.port === '' ? 80 : Number(url.port) }
}
