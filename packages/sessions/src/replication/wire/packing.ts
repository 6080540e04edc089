/**
 * The parts of messages as bytes and back: each pack function has an unpack function of the same form. A number that a version of
 * the protocol has and no program uses is sent as UNUSED, and skipped when received.
 */
import type { Ack, SessionKey, SessionRecord, WriteResult } from '../../contract.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { MalformedFrameError } from './frames.ts'
import type { ReplicatedChange, Fetch, HeldChange, Page, VerbRefusal, Reply, Stamp, Verb } from './messages.ts'

const UNUSED = 0
const ACKS: readonly Ack[] = ['local', 'one', 'quorum', 'all']
const VERBS = ['read', 'write', 'touch', 'destroy'] as const
const REFUSALS: readonly VerbRefusal[] = ['unavailable', 'unknown', 'busy', 'full', 'closed']

export function packStamp(to: ByteWriter, { view, counter, rank }: Stamp): void {
  to.count(view)
  to.count(counter)
  to.byte(rank)
}

export function unpackStamp(from: ByteReader): Stamp {
  return { view: from.count(), counter: from.count(), rank: from.byte() }
}

export function packChange(to: ByteWriter, { key, stamp, version, untilMs, body }: ReplicatedChange): void {
  to.text(key)
  packStamp(to, stamp)
  to.count(version)
  to.float(untilMs)
  // Version 0 says that it is a fence.
  if (version !== 0) to.text(body ?? '')
}

export function unpackChange(from: ByteReader): ReplicatedChange {
  const key = unpackKey(from)
  const stamp = unpackStamp(from)
  const version = from.count()
  return { key, stamp, version, untilMs: from.float(), body: version === 0 ? undefined : from.text() }
}

export function unpackKey(from: ByteReader): SessionKey {
  return from.text() as SessionKey
}

export function packVerb(to: ByteWriter, verb: Verb): void {
  to.byte(VERBS.indexOf(verb.verb))
  to.text(verb.key)
  switch (verb.verb) {
    case 'read':
      to.count(UNUSED)
      break
    case 'write':
      to.count(verb.expectedVersion)
      to.float(verb.expiresAtMs)
      to.byte(ACKS.indexOf(verb.ack))
      to.text(verb.body)
      break
    case 'touch':
      to.float(verb.expiresAtMs)
      break
    case 'destroy':
      to.float(verb.fenceUntilMs)
      to.byte(ACKS.indexOf(verb.ack))
      break
    default:
      verb satisfies never
  }
}

export function unpackVerb(from: ByteReader): Verb {
  const verb = oneOf(VERBS, from.byte())
  const key = unpackKey(from)
  switch (verb) {
    case 'read':
      from.count()
      return { verb, key }
    case 'write':
      return {
        verb,
        key,
        expectedVersion: from.count(),
        expiresAtMs: from.float(),
        ack: oneOf(ACKS, from.byte()),
        body: from.text(),
      }
    case 'touch':
      return { verb, key, expiresAtMs: from.float() }
    case 'destroy':
      return { verb, key, fenceUntilMs: from.float(), ack: oneOf(ACKS, from.byte()) }
    default:
      return verb satisfies never
  }
}

type ReplyOutcome = Reply['outcome']

/** The first byte of each kind of outcome. */
const NOTHING = 0
const RECORD = 1
const WRITTEN = 2
const CONFLICT = 3
const GONE = 4
const NO = 5
const YES = 6
/** A destruction, as former programs answer it: with a number. This one answers YES. */
const DESTROYED = 7
const REFUSED = 8

export function packOutcome(to: ByteWriter, outcome: ReplyOutcome): void {
  if (!outcome.ok) {
    to.byte(REFUSED)
    to.byte(REFUSALS.indexOf(outcome.refusal))
    return
  }
  const { value } = outcome
  if (value === undefined) to.byte(NOTHING)
  else if (typeof value === 'boolean') to.byte(value ? YES : NO)
  else if ('status' in value) packWritten(to, value)
  else {
    to.byte(RECORD)
    packRecord(to, value)
  }
}

function packWritten(to: ByteWriter, result: WriteResult): void {
  switch (result.status) {
    case 'written':
      to.byte(WRITTEN)
      to.count(result.version)
      to.count(UNUSED)
      break
    case 'conflict':
      to.byte(CONFLICT)
      packRecord(to, result.current)
      break
    case 'gone':
      to.byte(GONE)
      break
    default:
      result satisfies never
  }
}

export function unpackOutcome(from: ByteReader): ReplyOutcome {
  switch (from.byte()) {
    case NOTHING:
      return { ok: true, value: undefined }
    case RECORD:
      return { ok: true, value: unpackRecord(from) }
    case WRITTEN: {
      const version = from.count()
      from.count()
      return { ok: true, value: { status: 'written', version } }
    }
    case CONFLICT:
      return { ok: true, value: { status: 'conflict', current: unpackRecord(from) } }
    case GONE:
      return { ok: true, value: { status: 'gone' } }
    case NO:
      return { ok: true, value: false }
    case YES:
      return { ok: true, value: true }
    case DESTROYED:
      from.count()
      return { ok: true, value: true }
    case REFUSED:
      return { ok: false, refusal: oneOf(REFUSALS, from.byte()) }
    default:
      throw new MalformedFrameError('an outcome of an unknown kind')
  }
}

function packRecord(to: ByteWriter, { version, expiresAtMs, body }: SessionRecord): void {
  to.count(version)
  to.float(expiresAtMs)
  to.text(body)
}

function unpackRecord(from: ByteReader): SessionRecord {
  return { version: from.count(), expiresAtMs: from.float(), body: from.text() }
}

export function packFetch(to: ByteWriter, { view, bucket, digest, after }: Fetch): void {
  to.count(view)
  to.count(bucket)
  // A digest has 32 bits; 0 means that there is none.
  to.count(digest === undefined ? 0 : digest + 1)
  to.text(after)
}

export function unpackFetch(from: ByteReader): Fetch {
  const view = from.count()
  const bucket = from.count()
  const digest = from.count()
  return { type: 'fetch', view, bucket, digest: digest === 0 ? undefined : digest - 1, after: from.text() }
}

export function packPage(to: ByteWriter, { view, bucket, after, held, more }: Page): void {
  to.count(view)
  to.count(bucket)
  to.text(after)
  to.byte(Number(more))
  to.count(held.length)
  for (const { change, isCommitted } of held) {
    packChange(to, change)
    to.byte(Number(isCommitted))
  }
}

export function unpackPage(from: ByteReader): Page {
  const view = from.count()
  const bucket = from.count()
  const after = from.text()
  const more = from.byte() === 1
  const held: HeldChange[] = []
  // Each takes some bytes of the frame, so a false count runs out of them.
  for (let left = from.count(); left > 0; left--)
    held.push({ change: unpackChange(from), isCommitted: from.byte() === 1 })
  return { type: 'page', view, bucket, after, held, more }
}

export function packDigests(to: ByteWriter, digests: Uint32Array): void {
  to.count(digests.length)
  for (const digest of digests) to.word(digest)
}

export function unpackDigests(from: ByteReader): Uint32Array {
  const length = from.count()
  if (length > DIGESTS_MAX) throw new MalformedFrameError('more digests than a mesh has buckets')
  const digests = new Uint32Array(length)
  for (let index = 0; index < length; index++) digests[index] = from.word()
  return digests
}

const DIGESTS_MAX = 1024 * 1024

function oneOf<T>(all: readonly T[], index: number): T {
  const found = all[index]
  if (found === undefined) throw new MalformedFrameError('a choice that there is not')
  return found
}
