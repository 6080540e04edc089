/**
 * A bound on work that is dear: so many at once, so many more in line, and the next is told to come back later. An
 * unbounded line would only make everybody wait for those who have already given up.
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
      // Whoever finishes hands its slot over, so that nobody who comes later can slip in between.
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
