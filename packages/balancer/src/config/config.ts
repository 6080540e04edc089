/** The balancer's configuration: every default, every bound and what each key takes. Nothing else reads the environment. */
import { fileValues } from './config-file.ts'
import { ConfigError, ConfigValues } from './config-values.ts'
import type { Environment } from './config-values.ts'
import { normalPath } from './private-paths.ts'
import { nameOf } from './host-name.ts'
import { addressRange } from './address-ranges.ts'
import type { AddressRange } from './address-ranges.ts'
import { UPSTREAM_TAKES, upstreamList } from './upstream-list.ts'
import type { UpstreamAddress, UpstreamList, UpstreamService } from './upstream-list.ts'

export { ConfigError } from './config-values.ts'
export type { UpstreamAddress, UpstreamService } from './upstream-list.ts'

const ROUTINGS = ['round-robin', 'least-busy', 'affinity', 'session-id'] as const
const TRANSPORTS = ['http-proxy', 'undici'] as const
const TRUSTED_HEADERS = ['x-forwarded-for', 'forwarded'] as const
const LOG_FORMATS = ['auto', 'json', 'text'] as const
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** By field: the key, the default, the least and the greatest value. */
const NUMBERS = {
  /** How long requests in flight may take to finish once the balancer was told to stop. */
  drainMs: ['DRAIN_MS', 10_000, 0, 3_600_000],
  /**
   * Attempts for one request, without refused connections. An upstream that was silent or broke under the request gets it once, and after
   * two that broke there is no other attempt. Each attempt leaves listeners on the request, and Node warns above ten.
   */
  attemptsMax: ['ATTEMPTS_MAX', 5, 1, 8],
  connectTimeoutMs: ['CONNECT_TIMEOUT_MS', 1_000, 10, 60_000],
  /** How long an upstream may take to begin its answer, counted anew with each piece of an upload that it accepts. */
  attemptTimeoutMs: ['ATTEMPT_TIMEOUT_MS', 30_000, 10, 3_600_000],
  /** How long a node may take to answer `Expect: 100-continue`. After that the body is sent. */
  continueWaitMs: ['CONTINUE_WAIT_MS', 1_000, 1, 60_000],
  /** How long after its request an answer may begin, all attempts and waits together. */
  requestDeadlineMs: ['REQUEST_DEADLINE_MS', 120_000, 10, 3_600_000],
  /** How many bytes of a body are kept for a retry. A longer one passes, but its request can't be retried once sent. */
  replayBodyBytesMax: ['REPLAY_BODY_BYTES_MAX', 65_536, 0, 16_777_216],
  /** Retries as a share of all requests; so many a second are always allowed. */
  retryPercent: ['RETRY_PERCENT', 20, 0, 100],
  retryPerSMin: ['RETRY_PER_S_MIN', 10, 0, 1_000_000],
  /** Requests that wait while no upstream is up, what they may hold of memory, and how long they wait. */
  waitMax: ['WAIT_MAX', 1_024, 0, 1_000_000],
  waitBytesMax: ['WAIT_BYTES_MAX', 16_777_216, 0, Number.MAX_SAFE_INTEGER],
  waitMs: ['WAIT_MS', 2_000, 1, 60_000],
  /** The longest pause between two pieces of an answer, whether the upstream or the client makes it. */
  answerIdleMs: ['ANSWER_IDLE_MS', 120_000, 10, 3_600_000],
  /** How long the header of an answer may be. A longer one is junk. */
  answerHeaderBytesMax: ['ANSWER_HEADER_BYTES_MAX', 16_384, 1_024, 1_048_576],
  /** Routing by session id: how much of its share, in percent, an upstream may have in flight before the next one gets more. */
  loadBoundPercent: ['LOAD_BOUND_PERCENT', 125, 101, 1_000],
  /** How long a new or readmitted upstream takes to get its whole share. */
  slowStartMs: ['SLOW_START_MS', 2_000, 0, 3_600_000],
  upstreamSocketsMax: ['UPSTREAM_SOCKETS_MAX', 256, 1, 65_535],
  /** Requests at one upstream, those that wait for a socket included. Above it others take them, or they wait. */
  upstreamInFlightMax: ['UPSTREAM_IN_FLIGHT_MAX', 1_024, 1, 1_000_000],
  /** The capacity queue: requests that wait because every upstream that could take them is full. */
  queueMax: ['QUEUE_MAX', 1_024, 0, 1_000_000],
  queueWaitMs: ['QUEUE_WAIT_MS', 2_000, 1, 60_000],
  /** How long an upstream that leaves may go on with its requests. */
  upstreamDrainMs: ['UPSTREAM_DRAIN_MS', 30_000, 0, 3_600_000],
  /** How often names are resolved that upstreams are found by. */
  dnsIntervalMs: ['DNS_INTERVAL_MS', 5_000, 100, 3_600_000],
  /** Lines about requests in a second; where there are more, one in so many is logged. 0: none. */
  accessLogPerS: ['ACCESS_LOG_PER_S', 50, 0, 1_000_000],
  /** Processes that share the port. */
  workers: ['WORKERS', 1, 1, 256],
  /** How long a connection to an upstream is kept without use. Must be less than the upstream's own keep-alive timeout. */
  upstreamIdleMs: ['UPSTREAM_IDLE_MS', 4_000, 1, 3_600_000],
  probeIntervalMs: ['PROBE_INTERVAL_MS', 250, 10, 60_000],
  probeTimeoutMs: ['PROBE_TIMEOUT_MS', 500, 10, 60_000],
  /** How long a probe may lack an answer before its upstream is suspected: it gets no new requests, and others get those it has. */
  suspectMs: ['SUSPECT_MS', 200, 10, 60_000],
  /** Probes in a row that must say ready before an upstream is readmitted. */
  probeRise: ['PROBE_RISE', 1, 1, 100],
  /** Probes in a row that must fail before an upstream is ejected. A refused connection ejects at once. */
  probeFall: ['PROBE_FALL', 2, 1, 100],
  clientConnectionsMax: ['CLIENT_CONNECTIONS_MAX', 10_000, 1, 1_000_000],
  /** Open from one address, or from one /64 of IPv6. Trusted proxies are not counted. */
  clientConnectionsPerAddressMax: ['CLIENT_CONNECTIONS_PER_ADDRESS_MAX', 1_024, 1, 1_000_000],
  /** Pipelined requests that may wait on one connection; above it the balancer stops reading. */
  clientPipelineMax: ['CLIENT_PIPELINE_MAX', 32, 1, 10_000],
  clientBodyBytesMax: ['CLIENT_BODY_BYTES_MAX', 104_857_600, 0, Number.MAX_SAFE_INTEGER],
  clientHeaderFieldsMax: ['CLIENT_HEADER_FIELDS_MAX', 256, 8, 10_000],
  clientHeaderBytesMax: ['CLIENT_HEADER_BYTES_MAX', 16_384, 1_024, 1_048_576],
  clientHeadersTimeoutMs: ['CLIENT_HEADERS_TIMEOUT_MS', 10_000, 10, 3_600_000],
  /** How long a client may take to send a whole request. */
  clientRequestTimeoutMs: ['CLIENT_REQUEST_TIMEOUT_MS', 120_000, 10, 3_600_000],
  clientKeepAliveMs: ['CLIENT_KEEP_ALIVE_MS', 60_000, 1, 3_600_000],
  /** The longest pause before or in an answer to a client that closed its sending side, since it may have left. */
  clientHalfClosedMs: ['CLIENT_HALF_CLOSED_MS', 800, 1, 3_600_000],
  /** How often the files of the certificate are looked at for new ones. */
  tlsCheckMs: ['TLS_CHECK_MS', 5_000, 10, 3_600_000],
  /** For how long browsers shall use only TLS for this host (HSTS); 0: no header. */
  hstsMaxAgeS: ['HSTS_MAX_AGE_S', 0, 0, 1_000_000_000],
} as const satisfies Record<string, readonly [key: string, fallback: number, min: number, max: number]>

type Numbers = { readonly [Field in keyof typeof NUMBERS]: number }

export interface CertificateFiles {
  /** PEM: the certificate, followed by those between it and its root. */
  readonly certPath: string
  readonly keyPath: string
}

export interface Config extends Numbers {
  readonly host: string
  readonly port: number
  readonly adminHost: string
  /** Undefined: no admin listener. */
  readonly adminPort: number | undefined
  /** A request with it may read and change everything on the admin port. Undefined: requests of this machine may read, and none may change. */
  readonly adminToken: string | undefined
  /** Undefined: plain HTTP. */
  readonly tls: CertificateFiles | undefined
  /** The port on which plain HTTP is redirected to TLS; undefined: none. */
  readonly redirectPort: number | undefined
  /** The port that clients know TLS by, where it is not the one listened on. */
  readonly publicPort: number | undefined
  /** The names that plain HTTP may be redirected to; undefined: those of the certificate. */
  readonly publicHosts: readonly string[] | undefined
  readonly trustedProxies: readonly AddressRange[]
  /** The header in which trusted proxies name the client. */
  readonly trustedHeader: (typeof TRUSTED_HEADERS)[number]
  /** Whether connections from trusted proxies begin with a header of the PROXY protocol, version 1 or 2. */
  readonly proxyProtocol: boolean
  readonly upstreams: readonly UpstreamAddress[]
  /** Names whose addresses are upstreams as well. */
  readonly services: readonly UpstreamService[]
  readonly routing: (typeof ROUTINGS)[number]
  /** What requests are sent with; WebSockets always go by http-proxy. */
  readonly transport: (typeof TRANSPORTS)[number]
  /** Newest first. Undefined: one is made up, and pins end with the process. */
  readonly affinityKeys: readonly string[] | undefined
  /** The cookie whose first part, up to a dot, says which session it is. */
  readonly sessionCookie: string
  /** Whether the affinity cookie is for TLS only. */
  readonly cookieSecure: boolean
  /** Whether answers say where their time went. */
  readonly serverTiming: boolean
  /** Paths that clients get 404 for, in the spelling of `normalPath`. */
  readonly privatePaths: readonly string[]
  /** Where a node says whether it takes traffic: 200 or 503. */
  readonly readyPath: string
  readonly logLevel: (typeof LOG_LEVELS)[number]
  /** `auto`: text on a terminal, else JSON. */
  readonly logFormat: (typeof LOG_FORMATS)[number]
  /** Every variable that it was read from, for a worker that has to read the same. */
  readonly environment: Environment
}

/** What a key takes, by the field that it is for: for the help text. */
export const NUMERIC_KEYS: readonly (readonly [key: string, fallback: number])[] = Object.values(NUMBERS).map(
  ([key, fallback]) => [key, fallback],
)

const PATH = /^\/[^?#\s]+$/
const COOKIE_NAME = /^[\w!#$%&'*+.^`|~-]+$/
const ADMIN_TOKEN = /^[\x21-\x7e]{16,}$/
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/

/**
 * Throws ConfigError with all that is missing or wrong. A file that CONFIG_FILE names stands above the environment, and
 * `overrides` above both.
 */
export function readConfig(env: Environment, overrides: Environment = {}): Readonly<Config> {
  const file = fileValues(env)
  const environment = { ...env, ...file.values, ...overrides, CONFIG_FILE: undefined }
  const values = new ConfigValues(environment)
  values.faults.push(...file.faults)
  const config = { ...configOf(values), environment }
  checkTogether(config, values)
  for (const key of Object.keys(file.values)) {
    if (!values.asked.has(key))
      values.faults.push({ key, message: `${key} is in the file, but is no key of this program.` })
  }
  if (values.faults.length > 0) throw new ConfigError(values.faults)
  return Object.freeze(config)
}

function configOf(values: ConfigValues): Omit<Config, 'environment'> {
  // A developer's or a test's process, or one that says nothing. Any other, such as `staging`, may serve users.
  const inDevelopment = ['development', 'test', undefined].includes(values.text('NODE_ENV'))
  const { addresses, services } = upstreams(values)
  const tls = certificateFiles(values)
  const readyPath = values.matching('READY_PATH', PATH, 'a path such as /readyz') ?? '/readyz'
  return {
    host: values.text('HOST') ?? '127.0.0.1',
    port: values.integer('PORT', 0, 65_535) ?? 8080,
    adminHost: values.text('ADMIN_HOST') ?? '127.0.0.1',
    adminPort: values.integer('ADMIN_PORT', 0, 65_535),
    adminToken: adminToken(values),
    tls,
    redirectPort: values.integer('REDIRECT_PORT', 0, 65_535),
    publicPort: values.integer('PUBLIC_PORT', 1, 65_535),
    publicHosts: publicHosts(values),
    trustedProxies: addressRanges(values, 'TRUSTED_PROXIES'),
    trustedHeader: values.choice('TRUSTED_HEADER', TRUSTED_HEADERS) ?? 'x-forwarded-for',
    proxyProtocol: values.flag('PROXY_PROTOCOL') ?? false,
    upstreams: addresses,
    services,
    routing: values.choice('ROUTING', ROUTINGS) ?? 'round-robin',
    transport: values.choice('TRANSPORT', TRANSPORTS) ?? 'http-proxy',
    affinityKeys: values.secrets('AFFINITY_KEYS'),
    cookieSecure: values.flag('COOKIE_SECURE') ?? (!inDevelopment || tls !== undefined),
    sessionCookie: values.matching('SESSION_COOKIE', COOKIE_NAME, 'the name of a cookie') ?? 'sid',
    serverTiming: values.flag('SERVER_TIMING') ?? false,
    privatePaths: privatePaths(values, readyPath),
    readyPath,
    logLevel: values.choice('LOG_LEVEL', LOG_LEVELS) ?? 'info',
    logFormat: values.choice('LOG_FORMAT', LOG_FORMATS) ?? 'auto',
    ...numbers(values),
  }
}

/** Checks of settings that depend on one another. */
function checkTogether(config: Config, values: ConfigValues): void {
  const { tls, adminPort, adminToken, adminHost } = config
  const withTls = 'a value only beside TLS_CERT and TLS_KEY'
  if (config.clientHeadersTimeoutMs > config.clientRequestTimeoutMs) {
    const [key] = NUMBERS.clientHeadersTimeoutMs
    values.fault(key, `is ${config.clientHeadersTimeoutMs}`, 'at most CLIENT_REQUEST_TIMEOUT_MS')
  }
  if (tls === undefined && config.redirectPort !== undefined) values.fault('REDIRECT_PORT', 'is set', withTls)
  if (tls === undefined && config.publicHosts !== undefined) values.fault('PUBLIC_HOSTS', 'is set', withTls)
  if (tls === undefined && config.hstsMaxAgeS > 0) values.fault('HSTS_MAX_AGE_S', 'is set', withTls)
  if (config.proxyProtocol && config.trustedProxies.length === 0) {
    values.fault('PROXY_PROTOCOL', 'is true', 'true only beside TRUSTED_PROXIES, since it is taken from those only')
  }
  if (adminPort !== undefined && adminToken === undefined && !LOOPBACK.test(adminHost)) {
    values.fault('ADMIN_HOST', `is ${JSON.stringify(adminHost)}`, 'what is not loopback only beside ADMIN_TOKEN')
  }
}

function adminToken(values: ConfigValues): string | undefined {
  const token = values.text('ADMIN_TOKEN')
  if (token === undefined || ADMIN_TOKEN.test(token)) return token
  return values.fault('ADMIN_TOKEN', `has ${token.length} characters`, 'at least 16 visible ones of ASCII')
}

function certificateFiles(values: ConfigValues): CertificateFiles | undefined {
  const certPath = values.text('TLS_CERT')
  const keyPath = values.text('TLS_KEY')
  if (certPath !== undefined && keyPath !== undefined) return { certPath, keyPath }
  if (certPath === undefined && keyPath === undefined) return undefined
  const missing = certPath === undefined ? 'TLS_CERT' : 'TLS_KEY'
  return values.fault(missing, 'is missing', 'the path of a PEM file, as the other does')
}

/** What nodes say of themselves to their operators. `/healthz` is public: it says only that a node answers. */
function privatePaths(values: ConfigValues, readyPath: string): readonly string[] {
  const text = values.text('PRIVATE_PATHS') ?? `/metrics,${readyPath}`
  if (text === 'none') return []
  const paths = text.split(',').map((path) => path.trim())
  const wrong = paths.find((path) => !PATH.test(path))
  if (wrong === undefined) return paths.map(normalPath)
  const takes = 'none, or paths such as /metrics, separated by commas'
  return values.fault('PRIVATE_PATHS', `has ${JSON.stringify(wrong)}`, takes) ?? []
}

function publicHosts(values: ConfigValues): readonly string[] | undefined {
  const hosts = values
    .text('PUBLIC_HOSTS')
    ?.split(',')
    .map((host) => host.trim())
  const wrong = hosts?.find((host) => !/^[\w.-]+$|^\[[\da-fA-F:.]+\]$/.test(host))
  if (wrong === undefined) return hosts?.map(nameOf)
  return values.fault('PUBLIC_HOSTS', `has ${JSON.stringify(wrong)}`, 'host names without a port, separated by commas')
}

function addressRanges(values: ConfigValues, key: string): readonly AddressRange[] {
  const entries = values.text(key)?.split(',') ?? []
  return entries.flatMap((entry) => {
    const range = addressRange(entry.trim())
    if (range !== undefined) return [range]
    values.fault(key, `has ${JSON.stringify(entry)}`, 'addresses and networks such as 10.0.0.0/8 or 2001:db8::/32')
    return []
  })
}

function numbers(values: ConfigValues): Numbers {
  const entries = Object.entries(NUMBERS).map(([field, [key, fallback, min, max]]) => [
    field,
    values.integer(key, min, max) ?? fallback,
  ])
  return Object.fromEntries(entries) as Numbers
}

const NONE: UpstreamList = { addresses: [], services: [] }

function upstreams(values: ConfigValues): UpstreamList {
  const text = values.text('UPSTREAMS')
  const list = text === undefined ? undefined : upstreamList(text)
  if (list !== undefined) return list
  values.fault('UPSTREAMS', text === undefined ? 'is missing' : `is ${JSON.stringify(text)}`, UPSTREAM_TAKES)
  return NONE
}
