/**
 * Sessions in one Redis server, each a hash of version, expiry and body under one key. Reading is a plain HMGET; what must
 * be atomic is one script each, sent as EVALSHA and as EVAL where the server has forgotten it. Redis expires keys itself:
 * a script is told how long from now, so that a Redis whose clock is off does not end sessions early or late.
 *
 * A fence is the same key with version 0 and no body. A command that may have arrived is never sent a second time: the
 * client neither queues while disconnected nor resends, so a caller learns at once that the store is not there.
 */
import { Redis } from 'ioredis'
import { type Clock, systemClock } from '../clock.ts'
import type { Capabilities, SessionRecord, SessionStore, WriteResult } from '../contract.ts'
import { StoreUnavailableError } from '../errors.ts'

export interface RedisStoreOptions {
  /** `redis://` or `rediss://` with user, password and database as usual. */
  readonly url: string
  /** Stands before every key. Default `ninelives:`. */
  readonly prefix?: string
  /** How long one command may take. Default 1,000. */
  readonly timeoutMs?: number
  /** How long `open()` keeps trying. Default 10,000. */
  readonly openTimeoutMs?: number
  readonly clock?: Clock
}

const RECONNECT_MIN_MS = 25
const RECONNECT_MAX_MS = 250
const ONE_COPY = { copies: 1 } as const

const capabilities: Capabilities = {
  shared: 'held',
  survivesNodeDeath: 'held',
  survivesStoreRestart: { excused: 'what a Redis keeps through its own restart is up to its persistence settings' },
  fences: 'held',
}

// Each script gets KEYS[1] and answers with a list whose first word says what happened.
const scripts = {
  sessionWrite: `
    local version = redis.call('HGET', KEYS[1], 'v')
    local expected = tonumber(ARGV[1])
    if version == '0' or (not version and expected ~= 0) then return {'gone'} end
    if version and tonumber(version) ~= expected then
      return {'conflict', unpack(redis.call('HMGET', KEYS[1], 'v', 'e', 'b'))}
    end
    redis.call('HSET', KEYS[1], 'v', expected + 1, 'e', ARGV[2], 'b', ARGV[4])
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    return {'written'}`,
  sessionTouch: `
    local record = redis.call('HMGET', KEYS[1], 'v', 'e')
    if not record[1] or record[1] == '0' then return {'gone'} end
    if tonumber(ARGV[1]) > tonumber(record[2]) then
      redis.call('HSET', KEYS[1], 'e', ARGV[1])
      redis.call('PEXPIRE', KEYS[1], ARGV[2])
    end
    return {'touched'}`,
  sessionDestroy: `
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'v', 0)
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    return {'destroyed'}`,
} as const

type ScriptReply = [status: string, version?: string, expiresAtMs?: string, body?: string]
type Script = (key: string, ...args: (string | number)[]) => Promise<ScriptReply>
type ScriptedRedis = Redis & { readonly [name in keyof typeof scripts]: Script }

export function redisStore(options: RedisStoreOptions): SessionStore {
  const { prefix = 'ninelives:', openTimeoutMs = 10_000, clock = systemClock } = options
  const redis = connection(options)
  const address = `redis at ${redis.options.host}:${redis.options.port}`
  let lastError: Error | undefined
  // Without a listener ioredis prints every failed reconnect; the last one is the cause that callers are told.
  redis.on('error', (error: Error) => (lastError = error))

  const unavailable = (cause: unknown) =>
    new StoreUnavailableError(address, redis.status === 'ready' ? cause : (lastError ?? cause))
  const asked = <T>(reply: Promise<T>): Promise<T> =>
    reply.catch((cause: unknown) => {
      throw unavailable(cause)
    })
  const lifetimeMs = (untilMs: number) => Math.max(1, Math.ceil(untilMs - clock.now()))

  return {
    name: 'redis',
    capabilities,

    async open() {
      if (redis.status === 'ready') return
      const deadline = AbortSignal.timeout(openTimeoutMs)
      if (redis.status === 'wait') redis.connect().catch((error: Error) => (lastError = error))
      await readyOrAborted(redis, deadline).catch((cause: unknown) => {
        throw unavailable(cause)
      })
    },

    async read(key) {
      const [version, expiresAtMs, body] = await asked(redis.hmget(prefix + key, 'v', 'e', 'b'))
      return asRecord(version, expiresAtMs, body)
    },

    async write(key, { expectedVersion, expiresAtMs, body }): Promise<WriteResult> {
      const reply = await asked(
        redis.sessionWrite(prefix + key, expectedVersion, expiresAtMs, lifetimeMs(expiresAtMs), body),
      )
      const current = asRecord(reply[1], reply[2], reply[3])
      if (current !== undefined) return { status: 'conflict', current }
      if (reply[0] === 'gone') return { status: 'gone' }
      return { status: 'written', version: expectedVersion + 1, receipt: ONE_COPY }
    },

    async touch(key, expiresAtMs) {
      const [status] = await asked(redis.sessionTouch(prefix + key, expiresAtMs, lifetimeMs(expiresAtMs)))
      return status === 'touched'
    },

    async destroy(key, { fenceUntilMs }) {
      await asked(redis.sessionDestroy(prefix + key, lifetimeMs(fenceUntilMs)))
      return ONE_COPY
    },

    async health() {
      await asked(redis.ping())
    },

    async close() {
      redis.disconnect()
    },
  }
}

function connection({ url, timeoutMs = 1_000 }: RedisStoreOptions): ScriptedRedis {
  const settings = {
    lazyConnect: true,
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt: number) => Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** attempt),
  }
  const redis = new Redis(url, settings) as ScriptedRedis
  for (const [name, lua] of Object.entries(scripts)) redis.defineCommand(name, { numberOfKeys: 1, lua })
  return redis
}

function readyOrAborted(redis: Redis, deadline: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    redis.once('ready', resolve)
    deadline.addEventListener('abort', () => {
      redis.off('ready', resolve)
      reject(deadline.reason as Error)
    })
  })
}

function asRecord(
  version?: string | null,
  expiresAtMs?: string | null,
  body?: string | null,
): SessionRecord | undefined {
  if (typeof version !== 'string' || typeof expiresAtMs !== 'string' || typeof body !== 'string') return undefined
  return { version: Number(version), expiresAtMs: Number(expiresAtMs), body }
}
