/**
 * ioredis, set up for one server, for the primary that the Sentinels name, or for a Cluster, by the same rules:
 *
 * - A command that may have reached a server is never sent again. ioredis would queue commands while disconnected, resend
 *   them after a reconnect, and in a Cluster resend them when a connection breaks: all of that is off. A redirect proves that
 *   the command was not carried out, so redirects are followed.
 * - Only primaries answer. ioredis puts its connections to a Cluster's replicas into READONLY mode and uses them when no
 *   primary is left, which would return stale sessions. Here READONLY is never sent, so a replica redirects to its primary.
 */
import { readFileSync } from 'node:fs'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { StoreConfigError } from '../../errors.ts'
import type { RedisLocation } from './url.ts'

export type RedisClient = Redis | Cluster

/** `stream`: for what Redis sends by itself. */
export type RedisUse = 'commands' | 'stream'

const RECONNECT_MIN_MS = 25
const RECONNECT_MAX_MS = 250
/** How long an abandoned connection may take to close cleanly. */
const DISCONNECT_MAX_MS = 100
const REDIRECTIONS_MAX = 5
const REPLICA_PAUSE_MIN_MS = 1_000
const REPLICA_PAUSE_MAX_MS = 5_000

/** Returns a client that has not connected yet. */
export function redisClient(location: RedisLocation, timeoutMs: number, use: RedisUse): RedisClient {
  if (location.topology === 'cluster') return cluster(location, timeoutMs)
  return leftOnce(untimedOnceReady(oneServer(location, timeoutMs, use)))
}

/**
 * ioredis' `commandTimeout` covers only the commands that it sends to become ready. After that connection.ts times every
 * command with one shared timer, which takes a tenth of the CPU time of a timer for each command.
 */
function untimedOnceReady(server: Redis): Redis {
  const { commandTimeout } = server.options
  server.on('ready', () => delete server.options.commandTimeout)
  server.on('close', () => Object.assign(server.options, { commandTimeout }))
  return server
}

/**
 * Each of ioredis' disconnects adds a listener and a timer to the socket, and a client stays `ready` until its socket has closed. So it
 * may be told to reconnect by several failed calls, and only the first may reach the socket.
 */
function leftOnce(server: Redis): Redis {
  const disconnect = server.disconnect.bind(server)
  let left: Redis['stream'] | undefined
  server.disconnect = (reconnects = false) => {
    if (reconnects && left !== undefined && server.stream === left) return
    left = server.stream
    disconnect(reconnects)
  }
  return server
}

/** With RESP3 Redis sends invalidations in a form that ioredis drops. */
const STREAM = { protocol: 2, autoResubscribe: false } satisfies RedisOptions

function oneServer(location: RedisLocation, timeoutMs: number, use: RedisUse): Redis {
  const options = { ...serverOptions(location, timeoutMs), ...(use === 'stream' && STREAM) }
  if (location.topology === 'single') return new Redis({ ...options, ...location.hosts[0] })
  const { sentinelUsername, sentinelPassword } = location.settings
  return new Redis({
    ...options,
    name: location.master,
    sentinels: location.hosts.map(({ host, port }) => ({ host, port })),
    sentinelUsername,
    sentinelPassword,
    sentinelTLS: options.tls,
    enableTLSForSentinelMode: location.tls,
    sentinelCommandTimeout: timeoutMs,
    sentinelRetryStrategy: backOffMs,
  })
}

function cluster(location: RedisLocation, timeoutMs: number): Cluster {
  const client = new Cluster(
    location.hosts.map(({ host, port }) => ({ host, port })),
    {
      lazyConnect: true,
      redisOptions: serverOptions(location, timeoutMs),
      clusterRetryStrategy: backOffMs,
      slotsRefreshTimeout: timeoutMs,
      maxRedirections: REDIRECTIONS_MAX,
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      // Certificates are checked against host names, so over TLS names must not be resolved to addresses here.
      ...(location.tls ? { dnsLookup: (host, done) => done(null, host) } : {}),
    },
  )
  client.on('+node', (node: Redis) => {
    leftOnce(untimedOnceReady(node))
    node.readonly = () => Promise.resolve('OK')
  })
  return client
}

function serverOptions({ username, password, database, tls, settings }: RedisLocation, timeoutMs: number) {
  return {
    username,
    password,
    db: database,
    tls: tls ? certificates(settings) : undefined,
    lazyConnect: true,
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs,
    disconnectTimeout: DISCONNECT_MAX_MS,
    maxLoadingRetryTime: RECONNECT_MAX_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: backOffMs,
    reconnectOnError: reconnectFromReplica(),
  } satisfies RedisOptions
}

/**
 * A server that refuses writes as READONLY has become a replica: reconnect, to the new primary. While there is none, that is of no use,
 * and each reconnect refuses the reads of that moment: so it is done less and less often.
 */
function reconnectFromReplica(): (error: Error) => boolean {
  let pauseMs = REPLICA_PAUSE_MIN_MS
  let lastAtMs = -Infinity
  return (error) => {
    if (!/^READONLY|-READONLY/.test(error.message)) return false
    const sinceMs = performance.now() - lastAtMs
    if (sinceMs < pauseMs) return false
    pauseMs = sinceMs > 2 * REPLICA_PAUSE_MAX_MS ? REPLICA_PAUSE_MIN_MS : Math.min(REPLICA_PAUSE_MAX_MS, 2 * pauseMs)
    lastAtMs = performance.now()
    return true
  }
}

function certificates({ ca, cert, key, servername }: RedisLocation['settings']): NonNullable<RedisOptions['tls']> {
  return {
    ...(ca === undefined ? {} : { ca: pem('ca', ca) }),
    ...(cert === undefined ? {} : { cert: pem('cert', cert) }),
    ...(key === undefined ? {} : { key: pem('key', key) }),
    ...(servername === undefined ? {} : { servername }),
  }
}

function pem(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new StoreConfigError(`${name} in the store's URL is '${path}', which can't be read`, cause)
  }
}

function backOffMs(attempt: number): number {
  return Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** attempt)
}
