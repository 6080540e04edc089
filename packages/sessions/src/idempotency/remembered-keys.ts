/**
 * The keys that a session remembers: bounded in time, number and bytes, because it is rewritten with every write of
 * the session. Each key has an instant at which it is forgotten. Where room is short, the oldest requests give way in stages:
 * first their answers, then all but a short digest of the key. A repeat of a request of which only the digest is left is
 * refused rather than carried out twice. The digests take so little that thousands of keys fit. Only when there are more is
 * one forgotten before its time.
 *
 * They stand in the record as a JSON array inside a JSON string, and are passed on as they stand there: to parse all of it costs more
 * than all the rest of a write. Most writes only append one request to that text, a lookup parses the one request that it finds, and
 * what tidies the text and brings it within its limits, at one write of `TIDY_EVERY`, looks at the head of each request.
 *
 * What makes that possible is a space before and after each request. JSON.stringify writes none between values, and within a value a
 * quote has more than one backslash before it. So a space, a bracket and a digest in quotes is the beginning of a request.
 *
 * Pure: the time is an argument. Versions of the program that come before this one read and rewrite the same text: it keeps
 * to their form, an array of requests, in which the digests pass for requests that have none of their keys. They write no spaces. Such a
 * text is parsed as a whole, once.
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

/** A request as it stands in the record, and the head of it. */
interface Entry {
  readonly text: string
  readonly keyDigest: string
  readonly fingerprint: string
  readonly forgetAtMs: number
  readonly isOlder: boolean
}

/** Digests of keys that are forgotten at the same time, one after the other. */
interface Bucket {
  digests: string
  readonly forgetAtMs: number
}

interface Ring {
  /** The first to be forgotten first. */
  readonly buckets: Bucket[]
  /** The oldest first. */
  readonly requests: Entry[]
}

const CHANGED_USER = 1
/** Older programs wrote 0 or 1 for the flags, and the instant of the request for that of forgetting it. */
const CURRENT_FORM = 2
const OLDER_WINDOW_MS = 120_000
/** In place of a key's digest: the digests of a bucket follow. */
const BUCKET = '~'
/** 36 bits: of thousands of keys, two are alike about once in a hundred thousand sessions. */
export const SHORT_DIGEST_LENGTH = 6
/** Of all bytes. Requests with their results and answers have the rest; the newest may take all. */
const DIGESTS_SHARE = 0.5
/** Digests are forgotten in groups, each as late as the last of its keys. */
const GROUP_MS = 10_000
const BUCKETS_MAX = 32
/** A group's with one digest, as it stands in the record, with what stands between it and the next. */
const BUCKET_BYTES_MAX = 40
const BRACKETS_BYTES = 6
/** Of balancers' keys, which come with every request and are repeated at once or never, more than these are digests only. */
const UNFINGERPRINTED_MAX = 12
/** Of requests that an older program left unanswered: it keeps 32 in all, and drops ours for them. */
const OLDER_MAX = 8
/** Tidied with a version of the record that this divides. */
const TIDY_EVERY = 16
/** Once there is no room for another, so much is made, or the next write would have to make room again. */
const ROOM_SHARE = 0.125
/** Between two times that it is tidied, there may be so many more keys. */
const KEYS_OVER_SHARE = 0.0625
/** The least that a request takes as it stands in the record. */
const REQUEST_LENGTH_MIN = 48
const OPENING = '"[ '
const CLOSING = ' ]"'
const BETWEEN = ', '
/** How each request and each group of digests begins. */
const QUOTE = String.raw`\"`
const ENTRY_OPENING = `[${QUOTE}`
const BUCKET_OPENING = `${ENTRY_OPENING}${BUCKET}${QUOTE},${QUOTE}`
/** After the opening. A quote that ends a text is followed by none of these characters. */
const ENTRY_DIGEST = /(?:[\w-]{16}|~)\\",/y
const HEAD = /^\[\\"([\w-]{16}|~)\\",\\"([\w-]*)\\",(\d+),(\d+),/

export function findKey(
  text: string | undefined,
  keyDigest: string,
  nowMs: number,
): Remembered | typeof DIGEST_ONLY | undefined {
  const short = keyDigest.slice(0, SHORT_DIGEST_LENGTH)
  if (text === undefined || !text.includes(short)) return undefined
  const spaced = isSpaced(text) ? text : respaced(text)
  const at = entryAt(spaced, keyDigest)
  if (at !== -1) {
    const packed = packedIn(spaced.slice(at, entryEnd(spaced, at)))
    if (forgetAtMsOf(packed) > nowMs) return unpacked(packed)
  }
  return bucketsIn(spaced).some(({ digests, forgetAtMs }) => forgetAtMs > nowMs && hasDigest(digests, short))
    ? DIGEST_ONLY
    : undefined
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
  const newest = entryOf(pack(remembered))
  const appended = text === undefined || isTidyDue(version) ? undefined : append(text, newest, limits)
  if (appended !== undefined) return { text: appended, forgotten: 0 }
  const ring = text === undefined ? { buckets: [], requests: [] } : parse(text, nowMs)
  const { requests } = ring
  const at = requests.findIndex(({ keyDigest }) => keyDigest === remembered.keyDigest)
  if (at !== -1) requests.splice(at, 1)
  shrinkSurplus(ring, ({ fingerprint }) => fingerprint === '', UNFINGERPRINTED_MAX - 1)
  shrinkSurplus(ring, ({ isOlder }) => isOlder, OLDER_MAX)
  const digestsMax = Math.floor((limits.idempotencyBytesMax * DIGESTS_SHARE) / SHORT_DIGEST_LENGTH)
  const forgotten = forgetSurplus(ring, Math.min(limits.idempotencyKeysMax, digestsMax) - 1)
  requests.push(newest)
  makeRoom(ring, limits.idempotencyBytesMax)
  return { text: print(ring), forgotten }
}

function isTidyDue(version: number): boolean {
  return version % TIDY_EVERY === 0
}

/** Undefined where others may have to give way. Replaces the newest, where that is the same request. */
function append(text: string, newest: Entry, limits: KeyLimits): string | undefined {
  if (!isSpaced(text)) return undefined
  const at = entryAt(text, newest.keyDigest)
  if (at !== -1 && entryEnd(text, at) !== text.length - CLOSING.length) return undefined
  const others = at === -1 ? text.slice(0, -CLOSING.length) : text.slice(0, at)
  const { keys, end } = digestsIn(text)
  const wholeBytes = Buffer.byteLength(others) - end + Buffer.byteLength(newest.text)
  const bytesMax = limits.idempotencyBytesMax
  if (wholeBytes > Math.min(bytesMax * (1 - DIGESTS_SHARE), bytesMax - end - CLOSING.length)) return undefined
  const keysMax = limits.idempotencyKeysMax * (1 + KEYS_OVER_SHARE)
  const keysAtMost = keys + (others.length - end) / REQUEST_LENGTH_MIN
  if (keysAtMost >= keysMax && keys + requestsFrom(text, end) >= keysMax) return undefined
  return `${others}${at === -1 ? BETWEEN : ''}${newest.text}${CLOSING}`
}

/** At most so many: what looks like the beginning of one counts. */
function requestsFrom(text: string, from: number): number {
  let count = 1
  for (let at = text.indexOf(BETWEEN + ENTRY_OPENING, from); at !== -1; count++)
    at = text.indexOf(BETWEEN + ENTRY_OPENING, at + 1)
  return count
}

/** How many digests the groups have, and where they end. */
function digestsIn(text: string): { readonly keys: number; readonly end: number } {
  let keys = 0
  let at = OPENING.length
  while (text.startsWith(BUCKET_OPENING, at)) {
    const from = at + BUCKET_OPENING.length
    keys += (text.indexOf('\\', from) - from) / SHORT_DIGEST_LENGTH
    const end = entryEnd(text, at)
    if (end === text.length - CLOSING.length) return { keys, end }
    at = end + BETWEEN.length
  }
  return { keys, end: at }
}

/**
 * Takes away the oldest answers, then the oldest requests but for their digests, and last what the newest can do without.
 */
function makeRoom({ buckets, requests }: Ring, bytesMax: number): void {
  const digestBytes = (): number =>
    buckets.reduce((sum, { digests }) => sum + digests.length + BUCKET_BYTES_MAX, BRACKETS_BYTES)
  const wholeMax = Math.min(bytesMax * (1 - DIGESTS_SHARE), bytesMax - digestBytes())
  const wholeBytes = requests.reduce((sum, each) => sum + bytesOf(each), 0)
  if (wholeBytes <= wholeMax) return
  /** Changes the request, and returns how many bytes it is shorter by. */
  const shorten = (index: number, change: (packed: Packed) => void): number => {
    const entry = requests[index] as Entry
    const packed = packedIn(entry.text)
    change(packed)
    const shorter = entryOf(packed)
    requests[index] = shorter
    return bytesOf(entry) - bytesOf(shorter)
  }
  const newest = requests.length - 1
  const othersBytes = wholeBytes - bytesOf(requests[newest] as Entry)
  let excess = Math.min(othersBytes, wholeBytes - wholeMax + bytesMax * ROOM_SHARE)
  for (let oldest = 0; oldest < newest && excess > 0; oldest++) excess -= shorten(oldest, takeAnswer)
  while (requests.length > 1 && excess > 0) {
    const oldest = requests.shift() as Entry
    excess -= bytesOf(oldest) - BUCKET_BYTES_MAX
    addDigest(buckets, oldest.keyDigest, oldest.forgetAtMs)
  }
  if (requests.length > 1) return
  const roomLeft = (): number => bytesMax - digestBytes() - bytesOf(requests[0] as Entry)
  if (roomLeft() < 0) shorten(0, takeAnswer)
  if (roomLeft() < 0) shorten(0, takeResults)
}

/** With what stands between it and the next. */
function bytesOf({ text }: Entry): number {
  return Buffer.byteLength(text) + BETWEEN.length
}

function takeAnswer(packed: Packed): void {
  packed.splice(ANSWER)
}

function takeResults(packed: Packed): void {
  packed[RESULTS] = packed[RESULTS].map(([step]) => [step, 0, 1])
}

/** What is left; undefined when that is nothing. `version` is that of the record that they are from. */
export function forgetOld(text: string | undefined, nowMs: number, version = 0): string | undefined {
  if (text === undefined || !isTidyDue(version) || !hasOld(text, nowMs)) return text
  const ring = parse(text, nowMs)
  return ring.buckets.length + ring.requests.length === 0 ? undefined : print(ring)
}

/**
 * What is left of it for the session's next user: digests, so that no request is carried out twice and nothing is told of any. The
 * request with the key `except` is left out, to be remembered anew. Undefined when there is none.
 */
export function digestsOf(text: string | undefined, nowMs: number, except?: string): string | undefined {
  if (text === undefined) return undefined
  const { buckets, requests } = parse(text, nowMs)
  for (const { keyDigest, forgetAtMs } of requests) if (keyDigest !== except) addDigest(buckets, keyDigest, forgetAtMs)
  return buckets.length === 0 ? undefined : print({ buckets, requests: [] })
}

/** Whether something is past its time. */
export function hasOld(text: string | undefined, nowMs: number): boolean {
  return text !== undefined && entriesIn(text).some((each) => headOf(each).forgetAtMs <= nowMs)
}

const RESULTS = 4
const ANSWER = 5

function parse(text: string, nowMs: number): Ring {
  const ring: Ring = { buckets: [], requests: [] }
  for (const each of entriesIn(text)) {
    const head = headOf(each)
    const { keyDigest, fingerprint: digests, forgetAtMs, isOlder } = head
    if (forgetAtMs <= nowMs) continue
    if (keyDigest === BUCKET) ring.buckets.push({ digests, forgetAtMs })
    else if (isOlder) ring.requests.push(...fromOlder(head, ring.buckets))
    else ring.requests.push(head)
  }
  return ring
}

/** Each as it stands in the record. Throws RecordUnreadableError. */
function entriesIn(text: string): string[] {
  if (!isSpaced(text)) return arrayIn(text).map((each) => escaped(each))
  const entries: string[] = []
  const last = text.length - CLOSING.length
  for (let at = OPENING.length; at < last;) {
    const end = entryEnd(text, at)
    entries.push(text.slice(at, end))
    at = end + BETWEEN.length
  }
  return entries
}

/** Whether this program wrote it: an older one that appends to it, or tidies it, leaves another end. */
function isSpaced(text: string): boolean {
  return text.startsWith(OPENING) && text.endsWith(CLOSING)
}

function respaced(text: string): string {
  return OPENING + entriesIn(text).join(BETWEEN) + CLOSING
}

/** Where the entry ends that begins at `from`. */
function entryEnd(text: string, from: number): number {
  for (let at = text.indexOf(BETWEEN + ENTRY_OPENING, from); at !== -1;) {
    ENTRY_DIGEST.lastIndex = at + BETWEEN.length + ENTRY_OPENING.length
    if (ENTRY_DIGEST.test(text)) return at
    at = text.indexOf(BETWEEN + ENTRY_OPENING, at + 1)
  }
  return text.length - CLOSING.length
}

/** Where the request with this digest begins, or -1. */
function entryAt(text: string, keyDigest: string): number {
  const at = text.indexOf(` ${ENTRY_OPENING}${keyDigest}${QUOTE},`)
  return at === -1 ? -1 : at + 1
}

function bucketsIn(text: string): Bucket[] {
  const buckets: Bucket[] = []
  for (let at = OPENING.length; text.startsWith(BUCKET_OPENING, at);) {
    const end = entryEnd(text, at)
    const { fingerprint: digests, forgetAtMs } = headOf(text.slice(at, end))
    buckets.push({ digests, forgetAtMs })
    at = end + BETWEEN.length
  }
  return buckets
}

function headOf(text: string): Entry {
  const [, keyDigest, fingerprint, atMs, flags] = HEAD.exec(text) ?? []
  // A fingerprint that the application made may have any characters.
  if (keyDigest === undefined || fingerprint === undefined) return entryOf(packedIn(text), text)
  return entryWith(text, keyDigest, fingerprint, Number(atMs), Number(flags))
}

function entryOf(packed: Packed, text = escaped(packed)): Entry {
  const [keyDigest, fingerprint, atMs, flags] = packed
  return entryWith(text, keyDigest, fingerprint, atMs, flags)
}

function entryWith(text: string, keyDigest: string, fingerprint: string, atMs: number, flags: number): Entry {
  const isOlder = keyDigest !== BUCKET && flags < CURRENT_FORM
  return { text, keyDigest, fingerprint, forgetAtMs: isOlder ? atMs + OLDER_WINDOW_MS : atMs, isOlder }
}

/** Throws RecordUnreadableError. */
function arrayIn(text: string): Packed[] {
  try {
    return JSON.parse(JSON.parse(text) as string) as Packed[]
  } catch (cause) {
    throw new RecordUnreadableError('its idempotency keys are not JSON', cause)
  }
}

function packedIn(entry: string): Packed {
  return arrayIn(`"[${entry}]"`)[0] as Packed
}

/** As it stands in the text of a record. */
function escaped(packed: unknown): string {
  return JSON.stringify(JSON.stringify(packed)).slice(1, -1)
}

function forgetAtMsOf([digest, , atMs, flags]: Packed): number {
  return digest !== BUCKET && flags < CURRENT_FORM ? atMs + OLDER_WINDOW_MS : atMs
}

/**
 * A request that an older program did not answer yet can't be completed here, only refused. Until its time is over it stays as it
 * is, for nodes of that program, which would carry it out again otherwise. Where it has changed the user, or is answered, its
 * fingerprint goes at once: that is an unkeyed hash of the payload, and a login's has the password in it.
 */
function fromOlder(entry: Entry, buckets: Bucket[]): Entry[] {
  const [digest, , , flags, , answer] = packedIn(entry.text)
  const { forgetAtMs } = entry
  if (answer !== undefined) return [entryOf([digest, '', forgetAtMs, flags | CURRENT_FORM, [], answer])]
  if ((flags & CHANGED_USER) === 0) return [entry]
  addDigest(buckets, digest, forgetAtMs)
  return []
}

function print({ buckets, requests }: Ring): string {
  return OPENING + [...buckets.map(printBucket), ...requests.map(({ text }) => text)].join(BETWEEN) + CLOSING
}

function printBucket({ digests, forgetAtMs }: Bucket): string {
  return escaped([BUCKET, digests, forgetAtMs, CURRENT_FORM, []] satisfies Packed)
}

/** Of the requests that are `of` a kind, leaves so many as they are, the newest. */
function shrinkSurplus(ring: Ring, of: (entry: Entry) => boolean, max: number): void {
  const { requests } = ring
  let surplus = requests.filter(of).length - max
  for (let oldest = 0; surplus > 0; surplus--) {
    while (!of(requests[oldest] as Entry)) oldest++
    shrink(ring, oldest)
  }
}

/** Leaves a digest of a request. */
function shrink({ buckets, requests }: Ring, index: number): void {
  const [{ keyDigest, forgetAtMs }] = requests.splice(index, 1) as [Entry]
  addDigest(buckets, keyDigest, forgetAtMs)
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

function unpacked([keyDigest, fingerprint, atMs, flags, results, answer]: Packed): Remembered | typeof DIGEST_ONLY {
  // The steps of an older program have other names than this one's, and its fingerprint is of another kind.
  const isOlder = flags < CURRENT_FORM
  if (isOlder && answer === undefined) return DIGEST_ONLY
  return {
    keyDigest,
    fingerprint: isOlder ? '' : fingerprint,
    forgetAtMs: isOlder ? atMs + OLDER_WINDOW_MS : atMs,
    changedUser: (flags & CHANGED_USER) !== 0,
    results: isOlder
      ? []
      : results.map(([step, result, notKept]) => ({ step, result: notKept === 1 ? NOT_KEPT : result })),
    answer: answer && { status: answer[0], type: answer[1], body: answer[2], ...(answer[3] && { headers: answer[3] }) },
  }
}
