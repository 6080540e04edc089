import { setTimeout as sleep } from 'node:timers/promises'
import { DeadlineError } from './errors.ts'

export interface Wait {
  readonly deadlineMs: number
  /** Completes "waited in vain for ...". */
  readonly what: string
  readonly everyMs?: number
}

const POLL_MS = 10

/** Polls until the condition holds. Rejects with DeadlineError when it does not in time, and with what it throws. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { deadlineMs, what, everyMs = POLL_MS }: Wait,
): Promise<void> {
  const giveUpAtMs = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > giveUpAtMs) throw new DeadlineError(what, deadlineMs)
    await sleep(everyMs)
  }
}

/** Whether the promise was kept, for whom it is no error that it was not. */
export function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  )
}

/** Whether the promise settled within so many milliseconds. */
export async function settles(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const done = promise.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([done, sleep(ms, false, { signal: timer.signal })])
  } finally {
    timer.abort()
  }
}
