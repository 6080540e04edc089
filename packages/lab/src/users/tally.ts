import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { UsersSecond } from '@ninelives/history'
import type { Operation } from './virtual-user.ts'

/** Counts the users' operations, and reports them second by second. */
export class Tally {
  readonly #latency: RecordableHistogram = createHistogram()
  readonly #late: RecordableHistogram = createHistogram()
  #counts = noCounts()

  /** An operation begins, so much later than it was due. */
  sent(lateMs: number): void {
    this.#counts.sent++
    this.#late.record(microseconds(lateMs))
  }

  /** `sinceDueMs`: since its due time. */
  ended({ outcome, node, loggedOut, lost }: Operation, sinceDueMs: number): void {
    const counts = this.#counts
    this.#latency.record(microseconds(sinceDueMs))
    if (outcome.end === 'ok') counts.ok++
    else increment(counts[outcome.end], outcome.kind)
    if (node !== undefined) increment(counts.byNode, node)
    if (loggedOut) counts.loggedOut++
    counts.lost += lost
  }

  /** Returns the counts since the last call. */
  take(users: UsersSecond['users']): UsersSecond {
    const second: UsersSecond = {
      type: 'users-second',
      ...this.#counts,
      users,
      latencyMs: { p50: percentile(this.#latency, 50), p99: percentile(this.#latency, 99) },
      lateMs: percentile(this.#late, 99),
    }
    this.#counts = noCounts()
    this.#latency.reset()
    this.#late.reset()
    return second
  }
}

type MutableCounts = Record<string, number>

function noCounts() {
  const [failed, unknown, byNode]: [MutableCounts, MutableCounts, MutableCounts] = [{}, {}, {}]
  return { sent: 0, ok: 0, failed, unknown, loggedOut: 0, lost: 0, byNode }
}

function increment(counts: MutableCounts, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}

/** A histogram takes whole numbers from 1. */
function microseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1_000))
}

function percentile(histogram: RecordableHistogram, percent: number): number {
  return histogram.count === 0 ? 0 : histogram.percentile(percent) / 1_000
}
