/**
 * Sessions in Redis: one server, a group behind Sentinels, or a Cluster. Each is a hash of version, expiry and body under
 * one key. A read is an HMGET at the primary; each change is one script. Redis removes expired keys, but the node's clock
 * decides whether a session has expired.
 *
 * A fence is the same key with version 0 and no body. `ack` says how many copies must have a change before it is acknowledged,
 * see ack.ts: by default one for a single server, and two where a failover could lose a change.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { type Clock, systemClock } from '../../clock.ts'
import type {
  Ack,
  Capabilities,
  SessionKey,
  SessionRecord,
  SessionStore,
  SessionWrite,
  WriteResult,
} from '../../contract.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../errors.ts'
import type { OnStoreEvent } from '../../telemetry.ts'
import type { CopySource } from '../copies/cacheable-store.ts'
import { leasedCopies } from '../copies/node-lease.ts'
import { unlessOtherProgram } from '../../other-program.ts'
import { ackedScripts } from './ack.ts'
import { redisFindings } from './checks.ts'
import { type RedisConnection, redisConnection } from './connection.ts'
import { redisLease } from './lease.ts'
import { redisNotifications } from './notifications.ts'
import { changeRefusals } from './refusals.ts'
import {
  destroyScript,
  holdScript,
  type RedisScript,
  runScript,
  type ScriptArguments,
  type ScriptReply,
  touchScript,
  writeScript,
} from './scripts.ts'
import { type FewerCopies, type RedisLocation, redisLocation } from './url.ts'

/** An option takes precedence over the same setting in the URL. */
export interface RedisStoreOptions {
  /** Its forms are in url.ts. */
  readonly url: string
  /** Stands before every key. Default `ninelives:`. */
  readonly prefix?: string
  /** How long one command may take. Default 1,000. */
  readonly timeoutMs?: number
  /** How long `open()` keeps trying. Default 10,000. */
  readonly openTimeoutMs?: number
  /** Which copies must have a change before it is acknowledged. Default `local` for one server, `one` for Sentinel and Cluster. */
  readonly ack?: Ack
  /** How many replicas each primary should have, for `quorum` and `all`. Default: the most that were seen. */
  readonly replicas?: number
  /**
   * What happens to changes on a primary that has too few replicas for `ack`, for example after a failover.
   * `acknowledge`: they are acknowledged with the copies there are, and lost if that primary dies too. `refuse`: they are refused,
   * and reads go on. Default `acknowledge` for Sentinel and Cluster, `refuse` for one server.
   */
  readonly fewerCopies?: FewerCopies
  /** How long changes are acknowledged with fewer copies before they are refused. Default 3,600,000, an hour. */
  readonly fewerCopiesMaxMs?: number
  /**
   * Under a near-cache: for how long after a node has died changes of the records that it held copies of may have to wait.
   * Default 1,000.
   */
  readonly leaseMs?: number
  readonly clock?: Clock
  readonly onEvent?: OnStoreEvent | undefined
}

const FEWER_COPIES_MAX_MS = 60 * 60_000
const LEASE_MS = 1_000
const HELD_PAUSE_MIN_MS = 1
const HELD_PAUSE_MAX_MS = 50

const capabilities: Capabilities = {
  shared: 'held',
  survivesNodeDeath: 'held',
  survivesStoreRestart: { excused: 'what Redis keeps through a restart depends on its persistence settings' },
  fences: 'held',
  notifies: 'held',
}

export function redisStore(options: RedisStoreOptions): SessionStore & { copies?: CopySource } {
  const location = redisLocation(options.url)
  const { prefix, timeoutMs, openTimeoutMs, ack, clock, leaseMs, ...rules } = withDefaults(options, location)
  const connection = redisConnection(location, timeoutMs)
  const acked =
    ack === 'local' ? undefined : ackedScripts(redisConnection(location, timeoutMs), { ack, timeoutMs, ...rules })
  const isOneServer = location.topology !== 'cluster'
  const refusals = changeRefusals(connection, { isOneServer, prefix, clock, onEvent: rules.onEvent })

  const lease = redisLease(connection, redisConnection(location, timeoutMs, 'stream'), {
    prefix,
    leaseMs,
    openTimeoutMs,
  })

  const onPrimary = (script: RedisScript, key: string, args: ScriptArguments): Promise<ScriptReply> =>
    connection.asked((redis) => runScript(redis, script, prefix + key, args))

  /** Waits as long as another node holds a copy: see lease.ts. */
  const changed = async (send: (lease: string) => Promise<ScriptReply>): Promise<ScriptReply> => {
    const beganAtMs = performance.now()
    for (let pauseMs = HELD_PAUSE_MIN_MS; ; pauseMs = Math.min(HELD_PAUSE_MAX_MS, 2 * pauseMs)) {
      const reply = await send(lease.name).catch((error: unknown) => {
        // It may arrive yet, and must not find this node holding a copy that was read before.
        if (isOutcomeUnknown(error)) lease.end('the outcome of a change is unknown')
        throw error
      })
      if (reply[0] !== 'held') return reply
      if (performance.now() - beganAtMs > 2 * leaseMs + timeoutMs / 2)
        throw new StoreUnavailableError(connection.address, new Error('another node keeps its copy of the record'))
      await sleep(pauseMs)
    }
  }

  const change = (script: RedisScript, key: string, about: ScriptArguments, isAcked = true): Promise<ScriptReply> =>
    refusals.watched(prefix + key, () =>
      changed((lease) => {
        const args = [clock.now(), prefix, lease, ...about]
        if (acked === undefined || !isAcked) return onPrimary(script, key, args)
        return acked.run(script, prefix + key, args)
      }),
    )

  /** Also whether this node holds a copy now. */
  const write = async (
    key: SessionKey,
    { expectedVersion, expiresAtMs, body }: SessionWrite,
  ): Promise<{ result: WriteResult; holds: boolean }> => {
    const reply = await change(writeScript, key, [expectedVersion, expiresAtMs, body])
    const current = asRecord(reply[1], reply[2], reply[3])
    if (current !== undefined) return { result: { status: 'conflict', current }, holds: false }
    if (reply[0] === 'gone') return { result: { status: 'gone' }, holds: false }
    return { result: { status: 'written', version: expectedVersion + 1 }, holds: reply[1] === 'holds' }
  }

  const live = (record: SessionRecord | undefined): SessionRecord | undefined =>
    record === undefined || record.expiresAtMs <= clock.now() ? undefined : record

  /** Not in a Cluster, where a lease and a record may be on two servers. */
  const copies = leasedCopies(lease, {
    async hold(key, name = '') {
      const [status, ...record] = await onPrimary(holdScript, key, [clock.now(), prefix, name])
      return { record: live(asRecord(...record)), isHeld: status === 'held' }
    },
    write: (key, about) => write(key, about),
  })

  const notifications = redisNotifications(connection, { location, prefix, timeoutMs })

  return {
    name: 'redis',
    capabilities,

    async open() {
      const opening = Promise.all([connection.open(openTimeoutMs), acked?.open(openTimeoutMs)])
      const schemes = { plain: 'redis://', tls: 'rediss://', isTls: location.tls }
      await unlessOtherProgram(opening, { program: 'Redis', hosts: location.hosts, schemes })
    },

    async read(key) {
      const [version, expiresAtMs, body] = await connection.asked((redis) => redis.hmget(prefix + key, 'v', 'e', 'b'))
      return live(asRecord(version, expiresAtMs, body))
    },

    write: async (key, about) => (await write(key, about)).result,

    /** Acknowledged by the primary alone: a touch that a failover loses only ends the session earlier. */
    async touch(key, expiresAtMs) {
      const reply = await change(touchScript, key, [expiresAtMs], false)
      return reply[0] === 'touched'
    },

    async destroy(key, { fenceUntilMs }) {
      await change(destroyScript, key, [fenceUntilMs])
    },

    ...(isOneServer && { copies }),
    notifications,

    async health() {
      await Promise.all([healthy(connection), acked?.connected()])
      const refusal = await refusals.look()
      // The other primaries of a Cluster go on: there it is a warning.
      if (refusal !== undefined && isOneServer) throw refusal
    },

    report() {
      const { warnings, ...counts } = acked?.report() ?? { warnings: [] }
      const { reason } = refusals
      return { ...counts, warnings: isOneServer || reason === undefined ? warnings : [...warnings, reason] }
    },

    check: () => redisFindings(connection, location, ack),

    async close() {
      notifications.close()
      lease.close()
      connection.close()
      acked?.close()
    },
  }
}

/** Not if Redis has answered, be it with an error. */
function isOutcomeUnknown(error: unknown): boolean {
  if (!(error instanceof StoreUnavailableError) || error instanceof StoreRefusedError) return false
  return !(error.cause instanceof Error && error.cause.name === 'ReplyError')
}

/** An option that is undefined means the default. */
function withDefaults(options: RedisStoreOptions, { topology, settings }: RedisLocation) {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const {
    prefix = 'ninelives:',
    timeoutMs = 1_000,
    openTimeoutMs = 10_000,
    ack = topology === 'single' ? 'local' : 'one',
    replicas,
    fewerCopies = topology === 'single' ? 'refuse' : 'acknowledge',
    fewerCopiesMaxMs = FEWER_COPIES_MAX_MS,
    leaseMs = LEASE_MS,
    clock = systemClock,
    onEvent = () => {},
  }: Partial<RedisStoreOptions> = { ...settings, ...given }
  return { prefix, timeoutMs, openTimeoutMs, ack, replicas, fewerCopies, fewerCopiesMaxMs, leaseMs, clock, onEvent }
}

/** Resolves if the primary answers; in a Cluster, if a node says that all slots are served. */
async function healthy(connection: RedisConnection): Promise<void> {
  await connection.asked(async (redis) => {
    if (!(redis instanceof Cluster)) return await redis.ping()
    const info = await redis.cluster('INFO')
    if (!/^cluster_state:ok/m.test(info)) throw new Error('the Cluster says that it is down')
    return info
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
