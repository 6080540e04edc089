/**
 * Requests that wait while no upstream is up. Bounded in number, in bytes that they hold and in time. They are served in order, one
 * request of a session at a time, so that a user's actions keep their order.
 *
 * A request that comes while others of its session still wait goes behind them, even if an upstream is up again. One that finds no
 * upstream up after all comes back, and is the first of its session again, with the time that it has waited.
 */
import type { CancelSignal } from './cancel-signal.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { Wait } from './wait.ts'
import type { WaitOutcome } from './wait.ts'

export interface OutageWaiter {
  /** Undefined without a session: such a request waits for no other one. */
  readonly session: string | undefined
  readonly heldBytes: number
}

export interface OutageQueueLimits {
  readonly waitMax: number
  readonly waitBytesMax: number
  readonly waitMs: number
}

interface Waiting {
  readonly waiter: OutageWaiter
  readonly sinceMs: number
  readonly bytes: number
  readonly wait: Wait
}

/** The requests of one session. */
interface Line {
  /** In the order in which they came. */
  readonly waiting: Waiting[]
  /** Whether one was served and is not over yet. */
  underWay: Waiting | undefined
}

export class OutageQueue {
  readonly #limits: OutageQueueLimits
  readonly #metrics: Pick<Metrics, 'queued'>
  readonly #now: () => number
  /** By session, in the order in which their first requests came. A request without a session has a line of its own. */
  readonly #lines = new Map<string | OutageWaiter, Line>()
  #length = 0
  #bytes = 0

  constructor(limits: OutageQueueLimits, metrics: Pick<Metrics, 'queued'>, now: () => number) {
    this.#limits = limits
    this.#metrics = metrics
    this.#now = now
  }

  get length(): number {
    return this.#length
  }

  /** Whether others of its session wait. */
  isBehind({ session }: OutageWaiter): boolean {
    if (session === undefined) return false
    const line = this.#lines.get(session)
    return line !== undefined && line.waiting.length > 0
  }

  /** Undefined if the queue is full, or the request has waited for as long as it may. */
  join(waiter: OutageWaiter, signal: CancelSignal): Promise<WaitOutcome> | undefined {
    const { waitMax, waitBytesMax, waitMs } = this.#limits
    const line = this.#lineOf(waiter) ?? { waiting: [], underWay: undefined }
    const before = line.underWay?.waiter === waiter ? line.underWay : undefined
    const { heldBytes: bytes } = waiter
    const sinceMs = before?.sinceMs ?? this.#now()
    const leftMs = sinceMs + waitMs - this.#now()
    if (this.#length >= waitMax || this.#bytes + bytes > waitBytesMax || leftMs <= 0) {
      this.#metrics.queued('refused', 0)
      return undefined
    }
    const wait = new Wait({ waitMs: leftMs, signal, ended: (outcome) => this.#ended(line, waiting, outcome) })
    const waiting: Waiting = { waiter, sinceMs, bytes, wait }
    if (before === undefined) {
      line.waiting.push(waiting)
    } else {
      line.underWay = undefined
      line.waiting.unshift(waiting)
    }
    this.#lines.set(waiter.session ?? waiter, line)
    this.#length += 1
    this.#bytes += bytes
    return wait.outcome
  }

  /** An upstream is up. */
  open(): void {
    if (this.#length === 0) return
    for (const line of this.#lines.values()) if (line.underWay === undefined) serveNext(line)
  }

  /** A request that has waited is over: the next of its session goes. */
  over(waiter: OutageWaiter): void {
    const line = this.#lineOf(waiter)
    if (line?.underWay?.waiter !== waiter) return
    line.underWay = undefined
    serveNext(line)
    this.#dropIfEmpty(line, waiter)
  }

  close(): void {
    const all = [...this.#lines.values()].flatMap(({ waiting }) => waiting)
    for (const { wait } of all) wait.cancel()
  }

  #lineOf(waiter: OutageWaiter): Line | undefined {
    return this.#lines.get(waiter.session ?? waiter)
  }

  #ended(line: Line, waiting: Waiting, outcome: WaitOutcome): void {
    line.waiting.splice(line.waiting.indexOf(waiting), 1)
    this.#length -= 1
    this.#bytes -= waiting.bytes
    this.#metrics.queued(outcome, this.#now() - waiting.sinceMs)
    this.#dropIfEmpty(line, waiting.waiter)
  }

  /** Removes lines without requests. */
  #dropIfEmpty(line: Line, waiter: OutageWaiter): void {
    if (line.waiting.length === 0 && line.underWay === undefined) this.#lines.delete(waiter.session ?? waiter)
  }
}

function serveNext(line: Line): void {
  const [next] = line.waiting
  if (next === undefined) return
  line.underWay = next
  next.wait.end('served')
}
