/**
 * Once is once: what a session remembers of requests that carried an idempotency key, in a small ring in its own record, so
 * that a change and the memory of having made it are one write.
 *
 * A request may change its session in several steps (each `update`, each save). A step is remembered with its result when
 * it is written. When the request comes again, be it after a crash between two steps or at the same time on another node,
 * its handler runs again, the steps that were written give their remembered results and change nothing, and the rest is
 * done now. If the answer was ready with the last step, it is remembered too and the handler need not run.
 *
 * Rejected: a marker "running" that is written first and the answer written last. It costs two more writes a request, and
 * a crash between them leaves a request that may have happened and can't be repeated.
 */
import { hash } from 'node:crypto'
import { AnswerNotKeptError } from './errors.ts'

/** An answer small enough to keep. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

export interface Remembered {
  readonly keyDigest: string
  readonly fingerprint: string
  readonly atMs: number
  /** It gave the session another user: it was the login. */
  readonly changedUser: boolean
  /** The steps that were written, and what each gave back. */
  readonly results: readonly StepResult[]
  readonly answer: Answer | undefined
}

export interface StepResult {
  readonly step: string
  readonly result: unknown
}

/** More requests with a key than this within one retention, and the oldest is forgotten. */
const REMEMBERED_MAX = 32
/** Longer than any balancer repeats a request for. */
const RETENTION_MS = 120_000
/** Of the whole ring; the oldest go first. */
const TEXT_LENGTH_MAX = 16_384
/** Of one result or answer. */
export const ANSWER_LENGTH_MAX = 4_096
const DIGEST_LENGTH = 16

export function keyDigest(key: string): string {
  return hash('sha256', key, 'base64url').slice(0, DIGEST_LENGTH)
}

export function recall(text: string | undefined, digest: string): Remembered | undefined {
  if (text === undefined || !text.includes(digest)) return undefined
  return unpackAll(text).find((each) => each.keyDigest === digest)
}

/** What a step gave back when it was written; undefined when it was not. */
export function resultOf(remembered: Remembered | undefined, step: string): StepResult | undefined {
  const found = remembered?.results.find((each) => each.step === step)
  if (found?.result === NOT_KEPT) throw new AnswerNotKeptError()
  return found
}

/**
 * The ring with one request in it as it is now, and without what is past its time or over the bounds. Where room is short
 * the oldest answers go first, then the oldest results: that a request was carried out is remembered longest.
 */
export function remember(text: string | undefined, remembered: Remembered, nowMs: number): string {
  const others = recent(text, nowMs).filter((each) => each.keyDigest !== remembered.keyDigest)
  const ring = [...others, remembered].slice(-REMEMBERED_MAX)
  const packed = ring.map(pack)
  const fits = (): boolean => JSON.stringify(packed).length <= TEXT_LENGTH_MAX
  for (const shrink of [withoutAnswer, withoutResults]) {
    for (let oldest = 0; oldest < ring.length && !fits(); oldest++) {
      ring[oldest] = shrink(ring[oldest] as Remembered)
      packed[oldest] = pack(ring[oldest] as Remembered)
    }
  }
  while (packed.length > 1 && !fits()) packed.shift()
  return JSON.stringify(packed)
}

function withoutAnswer(remembered: Remembered): Remembered {
  return { ...remembered, answer: undefined }
}

function withoutResults(remembered: Remembered): Remembered {
  return { ...remembered, results: remembered.results.map(({ step }) => ({ step, result: NOT_KEPT })) }
}

/** What is left of the ring; undefined when that is nothing. */
export function forgetOld(text: string | undefined, nowMs: number): string | undefined {
  const kept = recent(text, nowMs)
  return kept.length === 0 ? undefined : JSON.stringify(kept.map(pack))
}

function recent(text: string | undefined, nowMs: number): Remembered[] {
  return text === undefined ? [] : unpackAll(text).filter(({ atMs }) => atMs + RETENTION_MS > nowMs)
}

type PackedResult = [step: string] | [step: string, result: unknown] | [step: string, result: 0, notKept: 1]
type PackedAnswer = [status: number, type: string, body: string]
type Packed = [
  keyDigest: string,
  fingerprint: string,
  atMs: number,
  changedUser: 0 | 1,
  results: PackedResult[],
  answer?: PackedAnswer,
]

const NOT_KEPT = Symbol('not kept')

function pack({ keyDigest, fingerprint, atMs, changedUser, results, answer }: Remembered): Packed {
  const packed: Packed = [keyDigest, fingerprint, atMs, changedUser ? 1 : 0, results.map(packResult)]
  if (answer !== undefined && answer.body.length <= ANSWER_LENGTH_MAX)
    packed.push([answer.status, answer.type, answer.body])
  return packed
}

function packResult({ step, result }: StepResult): PackedResult {
  if (result === undefined) return [step]
  const isKept = result !== NOT_KEPT && JSON.stringify(result).length <= ANSWER_LENGTH_MAX
  return isKept ? [step, result] : [step, 0, 1]
}

function unpackAll(text: string): Remembered[] {
  return (JSON.parse(text) as Packed[]).map(([keyDigest, fingerprint, atMs, changedUser, results, answer]) => ({
    keyDigest,
    fingerprint,
    atMs,
    changedUser: changedUser === 1,
    results: results.map(([step, result, notKept]) => ({ step, result: notKept === 1 ? NOT_KEPT : result })),
    answer: answer && { status: answer[0], type: answer[1], body: answer[2] },
  }))
}
