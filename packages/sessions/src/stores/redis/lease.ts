/**
 * Lets this node keep copies of records in its memory, and answer reads from them, without ever being behind another node.
 *
 * The node has a lease: a key in Redis that expires. A record lists the leases of the nodes that hold a copy of it. A change waits
 * while another node's lease is listed: that node is told to drop its copy, and takes itself off the list; or it is dead, paused or cut
 * off, and its lease ends (scripts.ts). So a change is acknowledged only when no other node can answer from an older copy.
 *
 *     node a                       Redis                                            node b
 *     read ──── hold ────────────▶ h = a.1
 *     (reads from memory)          held: w = now + rest of the lease ◀──── write ──
 *     drop its copy ◀── drop ─────                                          (again, after a pause)
 *           ──── release ────────▶ h = -
 *                                  written ◀──────────────────────────────── write ──
 *
 * The stream is a second connection. What it brings:
 *
 * - `drop KEY` from a change that waits.
 * - `beat N` from each renewal of the lease. A renewal counts only when its beat has come, because then every `drop` before it has
 *   come too. If the stream is lost or stuck, the lease ends and all copies are dropped.
 * - Redis' own invalidation messages (CLIENT TRACKING), for changes by others than our scripts: a FLUSHALL, an eviction, an expiry,
 *   an older program. These come after the change, so such a change may be seen late by the time that the message takes.
 *
 * By this node's clock a lease is shorter than by Redis', and counts from before the renewal was sent. A lease whose copies were
 * dropped never counts again; the next has another name, so a change that was sent under the old one and arrives late
 * finds the new one listed, and waits for it. The lease is renewed as long as requests come, and then given back.
 *
 * Rejected: invalidation messages alone (a read may come before the message does); asking Redis for the version at each read (as
 * dear as the read itself); an exclusive lease (the list of a user's sessions is read by all nodes).
 */
import { randomBytes } from 'node:crypto'
import type { SessionKey } from '../../contract.ts'
import { deadlineList } from '../../deadlines.ts'
import { StoreConfigError, StoreUnavailableError } from '../../errors.ts'
import type { OnOutdated } from '../../cacheable-store.ts'
import type { RedisConnection } from './connection.ts'
import { leaseScript, releaseScript, runScript } from './scripts.ts'

export interface NodeLease {
  /** Resolves when the node has a lease, or has failed to get one; rejects with StoreConfigError without the rights for it. */
  readonly start: (onOutdated: OnOutdated) => Promise<void>
  /** The lease under which a copy of this record may be held now. Asks for one if there is none. */
  current(key: SessionKey): Lease | undefined
  readonly isCurrent: (mark: number) => boolean
  /** Its name for the scripts; empty without one. */
  readonly name: string
  readonly trouble: string | undefined
  /** Drops all copies, because what this node knows may no longer be so. */
  end(reason: string | undefined): void
  close(): void
}

export interface Lease {
  readonly mark: number
  readonly name: string
}

export interface NodeLeaseOptions {
  readonly prefix: string
  readonly leaseMs: number
  readonly openTimeoutMs: number
}

interface LeaseEnd {
  untilMs: number
  /** By the clock on the wall too: the other one stands still while the machine sleeps. */
  untilWallMs: number
}

type RunningLease = Lease & LeaseEnd

const INVALIDATIONS = '__redis__:invalidate'
/** For clocks that run at different speeds. */
const OWN_SHARE = 0.9
const RENEWALS_PER_LEASE = 3
const UNUSED_MAX_MS = 30_000
const RETRY_MS = 250
const MISSING_RIGHT = /\b(NOPERM|unknown command|unknown subcommand)\b/i

export function nodeLease(
  connection: RedisConnection,
  stream: RedisConnection,
  { prefix, leaseMs, openTimeoutMs }: NodeLeaseOptions,
): NodeLease {
  const node = randomBytes(9).toString('base64url')
  const channel = `${prefix}copies:${node}`
  const beats = deadlineList(leaseMs, () => new Error('the stream of invalidations is silent'))
  let awaitedBeat: { readonly text: string; readonly arrived: PromiseWithResolvers<void> } | undefined
  /** A release may be carried out after a later call of its key. So until its end is known, no copy of the record is held. */
  const releasing = new Set<SessionKey>()
  let tellOutdated: OnOutdated | undefined
  let lease: RunningLease | undefined
  /** Grows with each attempt to get a lease, so that two never have one name. */
  let count = 0
  let starting: Promise<void> | undefined
  let retryAtMs = 0
  let isLinked = false
  let isUsed = false
  let renewTimer: NodeJS.Timeout | undefined
  let isClosed = false
  let trouble: string | undefined

  const end = (reason: string | undefined): void => {
    // A lease that is about to be had is of no use either.
    count++
    clearTimeout(renewTimer)
    if (lease === undefined) return
    const key = `${prefix}lease:${lease.name}`
    lease = undefined
    trouble = reason
    tellOutdated?.(undefined)
    // So that changes elsewhere need not wait for its end.
    connection.asked((redis) => redis.del(key)).catch(() => {})
  }

  const unlink = (): void => {
    isLinked = false
    end('a connection to Redis was lost')
  }

  /** The keys that this connection reads are watched for the stream. */
  const link = async (): Promise<void> => {
    await stream.open(openTimeoutMs)
    const id = await stream.asked((redis) => redis.call('CLIENT', 'ID') as Promise<number>)
    await stream.asked((redis) => redis.subscribe(INVALIDATIONS, channel))
    await connection.asked((redis) => redis.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'NOLOOP'))
  }

  /** Undefined if there is no such lease any more. */
  const take = async (name: string, mode: 'NX' | 'XX'): Promise<LeaseEnd | undefined> => {
    const ownMs = leaseMs * OWN_SHARE
    const until = { untilMs: performance.now() + ownMs, untilWallMs: Date.now() + ownMs }
    const text = `beat ${name} ${until.untilMs}`
    const beat = { text, arrived: Promise.withResolvers<void>() }
    awaitedBeat = beat
    const [status] = await connection.asked((redis) =>
      runScript(redis, leaseScript, `${prefix}lease:${name}`, [leaseMs, mode, channel, text]),
    )
    if (status === 'lost') return undefined
    await beats.within(beat.arrived.promise)
    return until
  }

  const renewLater = (unusedMs: number): void => {
    const everyMs = leaseMs / RENEWALS_PER_LEASE
    renewTimer = setTimeout(() => void renew(isUsed ? 0 : unusedMs + everyMs), everyMs).unref()
  }

  const renew = async (unusedMs: number): Promise<void> => {
    const renewed = lease
    if (renewed === undefined) return
    if (unusedMs > UNUSED_MAX_MS) return end(undefined)
    isUsed = false
    try {
      const until = await take(renewed.name, 'XX')
      if (lease !== renewed) return
      if (until === undefined) return end('the lease ended before it was renewed')
      Object.assign(renewed, until)
      renewLater(unusedMs)
    } catch (error) {
      if (lease === renewed) fail(error)
    }
  }

  const fail = (error: unknown): void => {
    end(reasonOf(error))
    trouble = reasonOf(error)
    retryAtMs = performance.now() + RETRY_MS
    // It may be half open, or half set up.
    if (!isClosed && stream.client.status === 'ready') stream.client.disconnect(true)
  }

  const begin = async (): Promise<void> => {
    const mark = ++count
    const name = `${node}.${mark}`
    const stillWell = (): void => {
      if (mark !== count) throw new Error('a connection to Redis was lost')
    }
    if (!isLinked) {
      await link()
      stillWell()
      isLinked = true
    }
    const until = await take(name, 'NX')
    stillWell()
    if (until === undefined) throw new Error('the lease ended before its beat came')
    lease = { mark, name, ...until }
    trouble = undefined
    renewLater(0)
  }

  const ensure = (): Promise<void> => {
    if (isClosed || lease !== undefined || performance.now() < retryAtMs) return Promise.resolve()
    starting ??= begin()
      .catch((error: unknown) => {
        fail(error)
        throw error
      })
      .finally(() => (starting = undefined))
    return starting
  }

  const heard = (from: string, text: string): void => {
    if (from === INVALIDATIONS) return invalidated(text)
    if (text === awaitedBeat?.text) return awaitedBeat.arrived.resolve()
    const key = text.startsWith(`drop ${prefix}`) ? text.slice(`drop ${prefix}`.length) : undefined
    if (key === undefined) return
    tellOutdated?.(key as SessionKey)
    release(key as SessionKey).catch(() => end('the outcome of a release is unknown'))
  }

  const release = async (key: SessionKey): Promise<void> => {
    if (lease === undefined || releasing.has(key)) return
    const args = [0, prefix, lease.name]
    releasing.add(key)
    await connection
      .asked((redis) => runScript(redis, releaseScript, prefix + key, args))
      .finally(() => releasing.delete(key))
  }

  const invalidated = (key: string): void => {
    if (key === '') end('the records in Redis were deleted')
    else if (key === `${prefix}lease:${lease?.name}`) end('the lease in Redis was deleted')
    else if (key.startsWith(prefix)) tellOutdated?.(key.slice(prefix.length) as SessionKey)
  }

  return {
    async start(onOutdated) {
      if (tellOutdated === undefined) {
        connection.client.on('close', unlink)
        stream.client.on('close', unlink)
        stream.client.on('message', heard)
      }
      tellOutdated = onOutdated
      await ensure().catch((error: unknown) => {
        const reason = reasonOf(error)
        if (MISSING_RIGHT.test(reason))
          throw new StoreConfigError(
            `hybrid: ${connection.address} does not allow what a near-cache needs: ${reason}`,
            error,
          )
      })
    },

    current(key) {
      isUsed = true
      // A failure is in `trouble`.
      if (lease === undefined) ensure().catch(() => {})
      return releasing.has(key) ? undefined : lease
    },

    isCurrent(mark) {
      isUsed = true
      return (
        lease !== undefined &&
        lease.mark === mark &&
        performance.now() < lease.untilMs &&
        Date.now() < lease.untilWallMs
      )
    },

    get name() {
      return lease?.name ?? ''
    },

    get trouble() {
      return trouble
    },

    end,

    close() {
      isClosed = true
      end('the store was closed')
      stream.close()
    },
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof StoreUnavailableError ? (error.cause ?? error) : error
  return cause instanceof Error ? cause.message : String(cause)
}
