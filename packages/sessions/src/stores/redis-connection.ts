/**
 * A connection to one server, to the primary that the Sentinels name, or to the primaries of a Cluster, and the rules that
 * all three keep:
 *
 * - What may have arrived is never sent a second time. ioredis would queue while disconnected, resend after a reconnect, and
 *   in a Cluster resend when a connection breaks: all of that is off. A redirect was not carried out, so it is followed.
 * - No call waits longer than the timeout; while there is no connection it rejects at once.
 * - A server that hangs keeps its socket open, and so would hide that another has become the primary. One that stays silent
 *   after a call timed out loses its connection: the Sentinels are asked again. In a Cluster the slots are asked for again.
 * - Answers come from primaries only. ioredis puts its connections to a Cluster's replicas into READONLY mode and falls
 *   back on any of them when no primary is left, which would answer with stale sessions: here they never get that mode,
 *   and so a replica redirects to its primary instead.
 */
import { readFileSync } from 'node:fs'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { StoreConfigError, StoreUnavailableError } from '../errors.ts'
import type { RedisAddress, RedisLocation } from './redis-url.ts'

export type RedisClient = Redis | Cluster

export interface RedisConnection {
  readonly client: RedisClient
  /** Whether it has been ready before; a connection that has been comes back by itself. */
  readonly opened: boolean
  /** Ready to serve, or rejects with StoreUnavailableError once the bound has passed. Keeps trying until then, and after. */
  open(boundMs: number): Promise<void>
  /** What `ask` resolves to; rejects only with StoreUnavailableError. */
  asked<T>(ask: (client: RedisClient) => Promise<T>): Promise<T>
  /** Every primary there is now. */
  primaries(): readonly Redis[]
  close(): void
}

const RECONNECT_MIN_MS = 25
const RECONNECT_MAX_MS = 250
/** How long a connection given up on may take to close in order. */
const DISCONNECT_MAX_MS = 100
const REDIRECTIONS_MAX = 5

export function redisConnection(location: RedisLocation, timeoutMs: number): RedisConnection {
  const client = location.topology === 'cluster' ? cluster(location, timeoutMs) : oneServer(location, timeoutMs)
  const address = described(location)
  let lastError: Error | undefined
  let opened = false
  let opening: Promise<void> | undefined
  // Without a listener ioredis prints every failed reconnect; the last one is the cause that callers are told.
  for (const event of ['error', 'node error']) client.on(event, (error: Error) => (lastError = error))
  client.on('ready', () => {
    opened = true
    lastError = undefined
  })

  const doubt = client instanceof Cluster ? () => client.refreshSlotsCache() : silenceWatch(client, timeoutMs)
  const unavailable = (cause: unknown) =>
    new StoreUnavailableError(address, discreet(client.status === 'ready' ? cause : (lastError ?? cause)))
  const refuse = (cause: unknown): never => {
    if (client.status === 'ready' && isTimeout(cause)) doubt()
    throw unavailable(cause)
  }

  return {
    client,
    get opened() {
      return opened
    },

    async open(boundMs) {
      opening ??= ready(client, boundMs).finally(() => (opening = undefined))
      await opening.catch((cause: unknown) => {
        throw unavailable(cause)
      })
    },

    asked(ask) {
      if (client.status !== 'ready') return Promise.reject(unavailable(new Error('not connected')))
      return ask(client).catch(refuse)
    },

    primaries: () => (client instanceof Cluster ? client.nodes('master') : [client]),

    close: () => client.disconnect(),
  }
}

function oneServer(location: RedisLocation, timeoutMs: number): Redis {
  const options = serverOptions(location, timeoutMs)
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
      // A certificate names a host, so over TLS a name must stay one.
      ...(location.tls ? { dnsLookup: (host, done) => done(null, host) } : {}),
    },
  )
  client.on('+node', (node: Redis) => {
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
    // Whoever refuses writes is no primary any more: connect anew, to the one that is.
    reconnectOnError: (error) => /^READONLY|-READONLY/.test(error.message),
  } satisfies RedisOptions
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

/** Resolves when the client is ready, which it goes on trying to become. */
function ready(client: RedisClient, boundMs: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const deadline = setTimeout(() => reject(new Error(`not connected after ${boundMs} ms`)), boundMs)
  client.once('ready', resolve)
  // What goes wrong is emitted as an error as well, and tried again.
  if (client.status === 'wait') client.connect().catch(() => {})
  return promise.finally(() => {
    clearTimeout(deadline)
    client.off('ready', resolve)
  })
}

/** To be told of each timeout: ends a connection that says nothing for as long again. */
function silenceWatch(client: Redis, boundMs: number): () => void {
  let watched: Redis['stream'] | undefined
  return () => {
    const { stream } = client
    if (watched === stream) return
    watched = stream
    const heardBytes = stream.bytesRead
    setTimeout(() => {
      watched = undefined
      const silent = client.stream === stream && stream.bytesRead === heardBytes
      if (silent && client.status === 'ready') client.disconnect(true)
    }, boundMs).unref()
  }
}

/** ioredis hangs the command on its error, and with it a session's body, or the password of a login: not for a log. */
function discreet(cause: unknown): unknown {
  if (cause instanceof Error && 'command' in cause) delete cause.command
  return cause
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out'
}

function backOffMs(attempt: number): number {
  return Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** attempt)
}

function described({ topology, hosts, master }: RedisLocation): string {
  const at = hosts.map(({ host, port }: RedisAddress) => `${host}:${port}`).join(', ')
  if (topology === 'sentinel') return `redis '${master}', by the Sentinels at ${at}`
  return topology === 'cluster' ? `redis cluster at ${at}` : `redis at ${at}`
}
