/**
 * Requests that wait because every upstream that could take them is full. When that changes, the queue goes through them once, in the
 * order of their arrival: it offers each a place at most once, and the request takes it at once or stays in the queue. Bounded in
 * number and in time.
 *
 * Requests that can use the same upstreams stand in the same *line*. Once the first of a line found no place, the others of the line
 * are skipped: a change costs one offer for each request that is served, and one for each line.
 */
import assert from 'node:assert'
import type { CancelSignal } from './cancel-signal.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import { Wait } from './wait.ts'
import type { WaitOutcome } from './wait.ts'

export interface CapacityWaiter {
  /** When its request came. */
  readonly sinceMs: number
  readonly line: string
  /** Takes a place, and returns whether there was one. Must not call the queue. */
  offer(): boolean
}

export interface CapacityQueueLimits {
  readonly queueMax: number
  readonly queueWaitMs: number
}

interface Waiting {
  readonly waiter: CapacityWaiter
  readonly wait: Wait
}

export class CapacityQueue {
  readonly #limits: CapacityQueueLimits
  readonly #metrics: Pick<Metrics, 'queued'>
  readonly #now: () => number
  /** In the order in which their requests came. */
  readonly #waiting: Waiting[] = []
  #isOffering = false

  constructor(limits: CapacityQueueLimits, metrics: Pick<Metrics, 'queued'>, now: () => number) {
    this.#limits = limits
    this.#metrics = metrics
    this.#now = now
  }

  get length(): number {
    return this.#waiting.length
  }

  /** Undefined if the queue is full. */
  join(waiter: CapacityWaiter, signal: CancelSignal): Promise<WaitOutcome> | undefined {
    assert(!this.#isOffering, 'a request that was offered a place came back to the queue')
    const { queueMax, queueWaitMs: waitMs } = this.#limits
    if (this.#waiting.length >= queueMax) {
      this.#metrics.queued('refused', 0)
      return undefined
    }
    const joinedAtMs = this.#now()
    const ended = (outcome: WaitOutcome) => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
      this.#metrics.queued(outcome, this.#now() - joinedAtMs)
    }
    const waiting = { waiter, wait: new Wait({ waitMs, signal, ended }) }
    this.#insert(waiting)
    return waiting.wait.outcome
  }

  /** That upstream has a free place. */
  room(upstream: Upstream): void {
    if (this.#waiting.length > 0) this.#offer(() => upstream.hasRoom)
  }

  /** Upstreams came or left, or their standing or limits changed. */
  changed(): void {
    if (this.#waiting.length > 0) this.#offer(() => true)
  }

  close(): void {
    const waits = this.#waiting.map(({ wait }) => wait)
    for (const wait of waits) wait.cancel()
  }

  /** A request that waited before, and whose attempt failed, is again ahead of all that came after it. */
  #insert(waiting: Waiting): void {
    const { sinceMs } = waiting.waiter
    let index = this.#waiting.length
    while (index > 0 && (this.#waiting[index - 1]?.waiter.sinceMs ?? 0) > sinceMs) index -= 1
    this.#waiting.splice(index, 0, waiting)
  }

  #offer(isWorthwhile: () => boolean): void {
    assert(!this.#isOffering, 'an offer led to another one')
    this.#isOffering = true
    const foundNothing = new Set<string>()
    let index = 0
    for (let next = this.#waiting[0]; next !== undefined && isWorthwhile(); next = this.#waiting[index]) {
      const { waiter, wait } = next
      if (!foundNothing.has(waiter.line) && waiter.offer()) {
        // It leaves its index to the next.
        wait.end('served')
      } else {
        foundNothing.add(waiter.line)
        index += 1
      }
    }
    this.#isOffering = false
  }
}
