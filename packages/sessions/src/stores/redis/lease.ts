/**
 * The lease of a node in Redis (see ../copies/node-lease.ts): a key that expires. The lists of holders are in the records, and scripts.ts
 * has what a change does about them. The stream is a second connection. What it brings:
 *
 * - `drop KEY` from a change that waits.
 * - `beat N` from each renewal of the lease. A renewal counts only when its beat has come, because then every `drop` before it has
 *   come too. If the stream is lost or stuck, the lease ends and all copies are dropped.
 * - Redis' own invalidation messages (CLIENT TRACKING), for changes by others than our scripts: a FLUSHALL, an eviction, an expiry,
 *   an older program. These come after the change, so such a change may be seen late by the time that the message takes.
 */
import { Redis } from 'ioredis'
import type { SessionKey } from '../../contract.ts'
import { deadlineList } from '../../deadlines.ts'
import { StoreConfigError } from '../../errors.ts'
import { type LeaseNews, newNodeName, type NodeLease, nodeLease, reasonOf } from '../copies/node-lease.ts'
import type { RedisConnection } from './connection.ts'
import { leaseScript, releaseScript, runScript } from './scripts.ts'

export interface RedisLeaseOptions {
  readonly prefix: string
  readonly leaseMs: number
  readonly openTimeoutMs: number
}

const INVALIDATIONS = '__redis__:invalidate'
/** A read of this size is followed by more in the same turn of the event loop: up to 32 of 64 KB, 500 messages each. */
const LARGE_READ_BYTES = 32 * 1024
const MISSING_RIGHT = /\b(NOPERM|unknown command|unknown subcommand)\b/i

export function redisLease(
  connection: RedisConnection,
  stream: RedisConnection,
  { prefix, leaseMs, openTimeoutMs }: RedisLeaseOptions,
): NodeLease {
  const node = newNodeName()
  const channel = `${prefix}copies:${node}`
  const beats = deadlineList(leaseMs, () => new Error('the stream of invalidations is silent'))
  let beatCount = 0
  let awaitedBeat: { readonly text: string; readonly arrived: PromiseWithResolvers<void> } | undefined
  let isListening = false

  const listen = (news: LeaseNews): void => {
    if (isListening) return
    isListening = true
    const { client: heard } = stream
    if (heard instanceof Redis) heard.on('connect', () => readInTurns(heard.stream))
    for (const { client } of [connection, stream])
      client.on('close', () => news.unlinked('a connection to Redis was lost'))
    stream.client.on('message', (from: string, text: string) => {
      if (from === INVALIDATIONS) return invalidated(news, text)
      if (text === awaitedBeat?.text) return awaitedBeat.arrived.resolve()
      if (text.startsWith(`drop ${prefix}`)) news.dropAsked(text.slice(`drop ${prefix}`.length) as SessionKey)
    })
  }

  const invalidated = (news: LeaseNews, key: string): void => {
    if (key === '') news.lost('the records in Redis were deleted')
    else if (key === `${prefix}lease:${lease.name}`) news.lost('the lease in Redis was deleted')
    else if (key.startsWith(prefix)) news.changed(key.slice(prefix.length) as SessionKey)
  }

  const lease = nodeLease(node, leaseMs, {
    /** The keys that `connection` reads are watched for the stream. */
    async link(news) {
      listen(news)
      await stream.open(openTimeoutMs)
      const id = await stream.asked((redis) => redis.call('CLIENT', 'ID') as Promise<number>)
      await stream.asked((redis) => redis.subscribe(INVALIDATIONS, channel))
      await connection.asked((redis) => redis.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'NOLOOP'))
    },

    async take(name, isNew) {
      const text = `beat ${++beatCount}`
      const beat = { text, arrived: Promise.withResolvers<void>() }
      awaitedBeat = beat
      const args = [leaseMs, isNew ? 'NX' : 'XX', channel, text]
      const [status] = await connection.asked((redis) => runScript(redis, leaseScript, `${prefix}lease:${name}`, args))
      if (status === 'lost') return false
      await beats.within(beat.arrived.promise)
      return true
    },

    giveBack: (name) => connection.asked((redis) => redis.del(`${prefix}lease:${name}`)),

    release: (key, name) =>
      connection.asked((redis) => runScript(redis, releaseScript, prefix + key, [0, prefix, name])),

    unlink() {
      if (stream.client.status === 'ready') stream.client.disconnect(true)
    },

    refusal(error) {
      const reason = reasonOf(error)
      if (!MISSING_RIGHT.test(reason)) return undefined
      return new StoreConfigError(
        `hybrid: ${connection.address} does not allow what a near-cache needs: ${reason}`,
        error,
      )
    },

    close: () => stream.close(),
  })

  return lease
}

/** Lets requests go on between the reads of many invalidations at once, such as those of sessions that expire together. */
function readInTurns(socket: Redis['stream']): void {
  socket.on('data', ({ length }: Buffer) => {
    if (length < LARGE_READ_BYTES) return
    socket.pause()
    setImmediate(() => socket.resume())
  })
}
