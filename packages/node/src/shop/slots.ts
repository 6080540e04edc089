/**
 * Limits expensive work: so many tasks at once, so many more in a queue, and the next one is refused with a time to retry. In an
 * unbounded queue every request would wait for requests whose clients have given up.
 */
import { RequestError } from '../errors.ts'

export interface SlotsOptions {
  readonly runningMax: number
  readonly waitingMax: number
}

export type Slots = <T>(work: () => Promise<T>) => Promise<T>

export function slots({ runningMax, waitingMax }: SlotsOptions): Slots {
  const waiting: (() => void)[] = []
  let running = 0

  return async (work) => {
    if (running < runningMax) {
      running += 1
    } else {
      if (waiting.length >= waitingMax) throw busy()
      // A finished task hands its slot to the next in the queue, so that a later one can't take it.
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

function busy(): RequestError {
  return new RequestError(503, 'BUSY', 'Too many people are logging in. Try again in a moment.', { 'Retry-After': '1' })
}
