/**
 * Requests that wait for room, because every upstream that could take them has as many as it may have. Some wait for one
 * upstream, where what they need is kept; the others for any. Each line is first come, first served; a place that comes free goes
 * to whoever has waited longest of those who could use it. Bounded in number and in time.
 */
import type { Metrics } from './metrics.ts'
import type { Upstream } from './upstream.ts'

export interface Waiter {
  /** There is room, or there is another reason to ask anew. */
  admitted(): void
  /** It has waited as long as it may. */
  expired(): void
}

export interface QueueLimits {
  /** Of all that wait. */
  readonly queueMax: number
  readonly queueWaitMs: number
}

type Line = Map<Waiter, number>

export class RoomQueue {
  readonly #limits: QueueLimits
  readonly #metrics: Pick<Metrics, 'queued'>
  readonly #now: () => number
  /** By the upstream they wait for; undefined for any. In the order in which they came. */
  readonly #lines = new Map<Upstream | undefined, Line>()
  #length = 0
  #timer: NodeJS.Timeout | undefined

  constructor(limits: QueueLimits, metrics: Pick<Metrics, 'queued'>, now: () => number) {
    this.#limits = limits
    this.#metrics = metrics
    this.#now = now
  }

  get length(): number {
    return this.#length
  }

  /** False: too many wait already. */
  join(waiter: Waiter, waitFor: Upstream | undefined): boolean {
    if (this.#length >= this.#limits.queueMax) {
      this.#metrics.queued('refused', 0)
      return false
    }
    let line = this.#lines.get(waitFor)
    if (line === undefined) this.#lines.set(waitFor, (line = new Map()))
    line.set(waiter, this.#now())
    this.#length += 1
    this.#timer ??= setTimeout(() => this.#expire(), this.#limits.queueWaitMs)
    return true
  }

  /** Its client is gone. */
  leave(waiter: Waiter): void {
    for (const line of this.#lines.values()) {
      const sinceMs = line.get(waiter)
      if (sinceMs !== undefined) return this.#take(line, waiter, sinceMs, 'client-left')
    }
  }

  /** So many as there is room for come out, the longest waiting first. */
  room(upstream: Upstream): void {
    while (this.#length > 0 && upstream.hasRoom) {
      const line = this.#longestWaiting(this.#lines.get(upstream), this.#lines.get(undefined))
      const [first] = line ?? []
      if (line === undefined || first === undefined) return
      const [waiter, sinceMs] = first
      this.#take(line, waiter, sinceMs, 'served')
      waiter.admitted()
    }
  }

  /** It is not what it was: who waits for it asks anew. */
  changed(upstream: Upstream): void {
    const line = this.#lines.get(upstream)
    this.#lines.delete(upstream)
    for (const [waiter, sinceMs] of line ?? []) {
      this.#length -= 1
      this.#metrics.queued('served', this.#now() - sinceMs)
      waiter.admitted()
    }
    if (upstream.standing === 'up') this.room(upstream)
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #longestWaiting(one: Line | undefined, other: Line | undefined): Line | undefined {
    const [oneSinceMs = Infinity] = one?.values() ?? []
    const [otherSinceMs = Infinity] = other?.values() ?? []
    return oneSinceMs <= otherSinceMs ? one : other
  }

  #take(line: Line, waiter: Waiter, sinceMs: number, outcome: Parameters<Metrics['queued']>[0]): void {
    line.delete(waiter)
    this.#length -= 1
    this.#metrics.queued(outcome, this.#now() - sinceMs)
  }

  #expire(): void {
    this.#timer = undefined
    const nowMs = this.#now()
    const late: Waiter[] = []
    let nextMs = Infinity
    for (const line of this.#lines.values()) {
      for (const [waiter, sinceMs] of line) {
        const leftMs = sinceMs + this.#limits.queueWaitMs - nowMs
        nextMs = Math.min(nextMs, Math.max(1, leftMs))
        if (leftMs > 0) break
        this.#take(line, waiter, sinceMs, 'expired')
        late.push(waiter)
      }
    }
    if (this.#length > 0) this.#timer = setTimeout(() => this.#expire(), nextMs)
    for (const waiter of late) waiter.expired()
  }
}
