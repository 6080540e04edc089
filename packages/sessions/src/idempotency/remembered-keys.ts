/**
 * The keys that a session remembers: bounded in time, number and bytes, because it is rewritten with every write of
 * the session. Each key has an instant at which it is forgotten. Where room is short, the oldest requests give way in stages:
 * first their answers, then all but a short digest of the key. A repeat of a request of which only the digest is left is
 * refused rather than carried out twice. The digests take so little that thousands of keys fit. Only when there are more is
 * one forgotten before its time.
 *
 * They stand in the record as a JSON array inside a JSON string, and are passed on as they stand there. Most writes only append one
 * request to that text. It is parsed, tidied and brought within its limits at every write while it is short, and at one of
 * `TIDY_EVERY` after that: to parse it costs more than all the rest of a write.
 *
 * Pure: the time is an argument. Versions of the program that come before this one read and rewrite the same text: it keeps
 * to their form, an array of requests, in which the digests pass for requests that have none of their keys.
 */
import { RecordUnreadableError } from '../errors.ts'
import { type Answer, isKept, KEPT_LENGTH_MAX, NOT_KEPT, type Remembered, type StepResult } from './answers.ts'

export interface KeyLimits {
  readonly idempotencyBytesMax: number
  readonly idempotencyKeysMax: number
}

/** What is left of a request when nothing but its digest is. */
export const DIGEST_ONLY = Symbol('digest only')

type PackedResult = [step: string] | [step: string, result: unknown] | [step: string, result: 0, notKept: 1]
type PackedAnswer = [status: number, type: string, body: string, headers?: Answer['headers']]
type Packed = [
  keyDigest: string,
  fingerprint: string,
  forgetAtMs: number,
  flags: number,
  results: PackedResult[],
  answer?: PackedAnswer,
]

/** Digests of keys that are forgotten at the same time, one after the other. */
interface Bucket {
  digests: string
  readonly forgetAtMs: number
}

interface Ring {
  /** The first to be forgotten first. */
  readonly buckets: Bucket[]
  /** The oldest first. */
  readonly requests: Packed[]
}

const CHANGED_USER = 1
/** Older programs wrote 0 or 1 for the flags, and the instant of the request for that of forgetting it. */
const CURRENT_FORM = 2
const OLDER_WINDOW_MS = 120_000
/** In place of a key's digest: the digests of a bucket follow. */
const BUCKET = '~'
/** 36 bits: of thousands of keys, two are alike about once in a hundred thousand sessions. */
export const SHORT_DIGEST_LENGTH = 6
/** Of all bytes; the rest is for what the newest requests need. */
const DIGESTS_SHARE = 0.5
/** Digests are forgotten in groups, each as late as the last of its keys. */
const GROUP_MS = 10_000
const BUCKETS_MAX = 32
/** A group's with one digest, as it stands in the record, with what stands between it and the next. */
const BUCKET_BYTES_MAX = 40
const BRACKETS_BYTES = 4
/** Of balancers' keys, which come with every request and are repeated at once or never, more than these are digests only. */
const UNFINGERPRINTED_MAX = 12
/** Of requests that an older program left unanswered: it keeps 32 in all, and drops ours for them. */
const OLDER_MAX = 8
/** Tidied at every write. */
const SHORT_LENGTH = 1_024
/** A longer one is tidied with a version of the record that this divides. */
const TIDY_EVERY = 16
/** Once there is no room for another, so much is made, or the next write would have to make room again. */
const ROOM_SHARE = 0.25
/** Between two times that it is tidied, there may be so many more keys. */
const KEYS_OVER_SHARE = 0.0625
/** The least that a request takes as it stands in the record. */
const REQUEST_LENGTH_MIN = 48
const OPENING = '"['
const CLOSING = ']"'
const BUCKET_OPENING = escaped(['~', '']).slice(0, -3)

export function findKey(
  text: string | undefined,
  keyDigest: string,
  nowMs: number,
): Remembered | typeof DIGEST_ONLY | undefined {
  const short = keyDigest.slice(0, SHORT_DIGEST_LENGTH)
  if (text === undefined || !text.includes(short)) return undefined
  const { buckets, requests } = parse(text, nowMs)
  const request = requests.find(([digest]) => digest === keyDigest)
  // The steps of an older program have other names than this one's.
  if (request !== undefined) return isOlder(request) ? DIGEST_ONLY : unpack(request)
  return buckets.some(({ digests }) => hasDigest(digests, short)) ? DIGEST_ONLY : undefined
}

/**
 * The keys with this request as it is now, and how many had to go before their time. `version` is that of the record that they
 * are from.
 */
export function remember(
  text: string | undefined,
  remembered: Remembered,
  limits: KeyLimits,
  nowMs: number,
  version = 0,
): { readonly text: string; readonly forgotten: number } {
  const appended = text === undefined || isTidyDue(text, version) ? undefined : append(text, remembered, limits)
  if (appended !== undefined) return { text: appended, forgotten: 0 }
  const ring = text === undefined ? { buckets: [], requests: [] } : parse(text, nowMs)
  const at = ring.requests.findIndex(([digest]) => digest === remembered.keyDigest)
  if (at !== -1) ring.requests.splice(at, 1)
  const newest = pack(remembered)
  shrinkSurplus(ring, ([, fingerprint]) => fingerprint === '', UNFINGERPRINTED_MAX - 1)
  shrinkSurplus(ring, isOlder, OLDER_MAX)
  const digestsMax = Math.floor((limits.idempotencyBytesMax * DIGESTS_SHARE) / SHORT_DIGEST_LENGTH)
  const forgotten = forgetSurplus(ring, Math.min(limits.idempotencyKeysMax, digestsMax) - 1)
  ring.requests.push(newest)
  const requests = ring.requests.map(escaped)
  const bytes = requests.reduce((sum, each) => sum + Buffer.byteLength(each) + 1, bytesOf(ring.buckets))
  makeRoom(ring, requests, bytes - limits.idempotencyBytesMax, limits.idempotencyBytesMax * ROOM_SHARE)
  return { text: print(ring.buckets, requests), forgotten }
}

function isTidyDue(text: string, version: number): boolean {
  return text.length < SHORT_LENGTH || version % TIDY_EVERY === 0
}

/** Undefined where it may have to give way to others, or replaces one. */
function append(text: string, remembered: Remembered, limits: KeyLimits): string | undefined {
  if (text.includes(remembered.keyDigest)) return undefined
  const next = escaped(pack(remembered))
  const bytes = Buffer.byteLength(text) + Buffer.byteLength(next) + 1
  if (bytes > limits.idempotencyBytesMax) return undefined
  if (keysAtMost(text) >= limits.idempotencyKeysMax * (1 + KEYS_OVER_SHARE)) return undefined
  return `${text.slice(0, -CLOSING.length)},${next}${CLOSING}`
}

/** Counts the digests, and what else there could be room for. */
function keysAtMost(text: string): number {
  let keys = 0
  let at = OPENING.length
  while (text.startsWith(BUCKET_OPENING, at)) {
    const from = at + BUCKET_OPENING.length
    const to = text.indexOf('\\', from)
    keys += (to - from) / SHORT_DIGEST_LENGTH
    const end = text.indexOf(']],', to)
    if (end === -1) return keys
    at = end + ']],'.length
  }
  return keys + (text.length - at) / REQUEST_LENGTH_MIN
}

/**
 * Takes away the oldest answers, then the oldest requests but for their digests, and last what the newest can do without.
 * `printed` is each request as text.
 */
function makeRoom(ring: Ring, printed: string[], excessBytes: number, roomBytes: number): void {
  if (excessBytes <= 0) return
  const { requests } = ring
  const newest = requests.length - 1
  let excess = excessBytes + roomBytes
  /** Returns how many bytes it is shorter by. */
  const printAnew = (index: number): number => {
    const before = Buffer.byteLength(printed[index] as string)
    printed[index] = escaped(requests[index])
    return before - Buffer.byteLength(printed[index])
  }
  for (let oldest = 0; oldest < newest && excess > 0; oldest++)
    if (takeAnswer(requests[oldest])) excess -= printAnew(oldest)
  while (requests.length > 1 && excess > 0) {
    excess -= Buffer.byteLength(printed.shift() as string) - BUCKET_BYTES_MAX
    shrink(ring, 0)
  }
  const [last] = requests
  excess -= roomBytes
  if (last === undefined || excess <= 0) return
  if (takeAnswer(last)) excess -= printAnew(0)
  if (excess <= 0) return
  last[RESULTS] = last[RESULTS].map(([step]) => [step, 0, 1])
  printAnew(0)
}

function takeAnswer(packed: Packed | undefined): boolean {
  return packed !== undefined && packed.splice(ANSWER).length > 0
}

/** What is left; undefined when that is nothing. `version` is that of the record that they are from. */
export function forgetOld(text: string | undefined, nowMs: number, version = 0): string | undefined {
  if (text === undefined || !isTidyDue(text, version) || !hasOld(text, nowMs)) return text
  const { buckets, requests } = parse(text, nowMs)
  return buckets.length + requests.length === 0 ? undefined : print(buckets, requests.map(escaped))
}

/** Whether something is past its time. */
export function hasOld(text: string | undefined, nowMs: number): boolean {
  return text !== undefined && packedIn(text).some((each) => forgetAtMsOf(each) <= nowMs)
}

const RESULTS = 4
const ANSWER = 5

function parse(text: string, nowMs: number): Ring {
  const ring: Ring = { buckets: [], requests: [] }
  for (const each of packedIn(text)) {
    const forgetAtMs = forgetAtMsOf(each)
    if (forgetAtMs <= nowMs) continue
    if (each[0] === BUCKET) ring.buckets.push({ digests: each[1], forgetAtMs })
    else if (isOlder(each)) ring.requests.push(...fromOlder(each, ring.buckets))
    else ring.requests.push(each)
  }
  return ring
}

/** Throws RecordUnreadableError. */
function packedIn(text: string): Packed[] {
  try {
    return JSON.parse(JSON.parse(text) as string) as Packed[]
  } catch (cause) {
    throw new RecordUnreadableError('its idempotency keys are not JSON', cause)
  }
}

/** As it stands in the text of a record. */
function escaped(packed: unknown): string {
  return JSON.stringify(JSON.stringify(packed)).slice(1, -1)
}

function isOlder([digest, , , flags]: Packed): boolean {
  return digest !== BUCKET && flags < CURRENT_FORM
}

function forgetAtMsOf(packed: Packed): number {
  return isOlder(packed) ? packed[2] + OLDER_WINDOW_MS : packed[2]
}

/**
 * A request that an older program did not answer yet can't be completed here, only refused. Until its time is over it stays as it
 * is, for nodes of that program, which would carry it out again otherwise. Where it has changed the user, or is answered, its
 * fingerprint goes at once: that is an unkeyed hash of the payload, and a login's has the password in it.
 */
function fromOlder(packed: Packed, buckets: Bucket[]): Packed[] {
  const [digest, , , flags, , answer] = packed
  const forgetAtMs = forgetAtMsOf(packed)
  if (answer !== undefined) return [[digest, '', forgetAtMs, flags | CURRENT_FORM, [], answer]]
  if ((flags & CHANGED_USER) === 0) return [packed]
  addDigest(buckets, digest, forgetAtMs)
  return []
}

function print(buckets: readonly Bucket[], requests: readonly string[]): string {
  return `${OPENING}${[...buckets.map(printBucket), ...requests].join()}${CLOSING}`
}

function printBucket({ digests, forgetAtMs }: Bucket): string {
  return escaped([BUCKET, digests, forgetAtMs, CURRENT_FORM, []] satisfies Packed)
}

function bytesOf(buckets: readonly Bucket[]): number {
  return buckets.reduce((sum, { digests }) => sum + digests.length + BUCKET_BYTES_MAX, BRACKETS_BYTES)
}

/** Of the requests that are `of` a kind, leaves so many as they are, the newest. */
function shrinkSurplus(ring: Ring, of: (packed: Packed) => boolean, max: number): void {
  const { requests } = ring
  let surplus = requests.filter(of).length - max
  for (let oldest = 0; surplus > 0; surplus--) {
    while (!of(requests[oldest] as Packed)) oldest++
    shrink(ring, oldest)
  }
}

/** Leaves a digest of a request. */
function shrink({ buckets, requests }: Ring, index: number): void {
  const [packed] = requests.splice(index, 1) as [Packed]
  addDigest(buckets, packed[0], forgetAtMsOf(packed))
}

function addDigest(buckets: Bucket[], keyDigest: string, forgetAtMs: number): void {
  const short = keyDigest.slice(0, SHORT_DIGEST_LENGTH)
  const groupMs = Math.ceil(forgetAtMs / GROUP_MS) * GROUP_MS
  const later = buckets.findIndex((each) => each.forgetAtMs >= groupMs)
  const at = later === -1 ? buckets.length : later
  const bucket = buckets[at]
  if (bucket?.forgetAtMs === groupMs) bucket.digests += short
  else buckets.splice(at, 0, { digests: short, forgetAtMs: groupMs })
  if (buckets.length > BUCKETS_MAX) joinClosest(buckets)
}

/** Of the two groups whose times are closest, the earlier goes with the later. */
function joinClosest(buckets: Bucket[]): void {
  const gapAfter = (index: number): number => timeOf(buckets, index + 1) - timeOf(buckets, index)
  let closest = 0
  for (let index = 1; index < buckets.length - 1; index++) if (gapAfter(index) < gapAfter(closest)) closest = index
  const [earlier] = buckets.splice(closest, 1) as [Bucket]
  const into = buckets[closest] as Bucket
  into.digests = earlier.digests + into.digests
}

function timeOf(buckets: readonly Bucket[], index: number): number {
  return (buckets[index] as Bucket).forgetAtMs
}

/** How many keys were forgotten before their time, because there is room for no more than `keysMax`. */
function forgetSurplus({ buckets, requests }: Ring, keysMax: number): number {
  const count = buckets.reduce((sum, { digests }) => sum + digests.length / SHORT_DIGEST_LENGTH, requests.length)
  const surplus = Math.max(0, count - keysMax)
  for (let left = surplus; left > 0; left--) {
    const [first] = buckets
    if (first === undefined) requests.shift()
    else first.digests = first.digests.slice(SHORT_DIGEST_LENGTH)
    if (first?.digests === '') buckets.shift()
  }
  return surplus
}

function hasDigest(digests: string, short: string): boolean {
  for (let at = digests.indexOf(short); at !== -1; at = digests.indexOf(short, at + 1))
    if (at % SHORT_DIGEST_LENGTH === 0) return true
  return false
}

function pack({ keyDigest, fingerprint, forgetAtMs, changedUser, results, answer }: Remembered): Packed {
  const flags = CURRENT_FORM | (changedUser ? CHANGED_USER : 0)
  const packed: Packed = [keyDigest, fingerprint, forgetAtMs, flags, results.map(packResult)]
  if (answer !== undefined && isKept(answer)) packed.push(packAnswer(answer))
  return packed
}

function packAnswer({ status, type, body, headers }: Answer): PackedAnswer {
  return headers === undefined ? [status, type, body] : [status, type, body, headers]
}

function packResult({ step, result }: StepResult): PackedResult {
  if (result === undefined) return [step]
  return result !== NOT_KEPT && JSON.stringify(result).length <= KEPT_LENGTH_MAX ? [step, result] : [step, 0, 1]
}

function unpack([keyDigest, fingerprint, forgetAtMs, flags, results, answer]: Packed): Remembered {
  return {
    keyDigest,
    fingerprint,
    forgetAtMs,
    changedUser: (flags & CHANGED_USER) !== 0,
    results: results.map(([step, result, notKept]) => ({ step, result: notKept === 1 ? NOT_KEPT : result })),
    answer: answer && { status: answer[0], type: answer[1], body: answer[2], ...(answer[3] && { headers: answer[3] }) },
  }
}
