import { setTimeout as sleep } from 'node:timers/promises'
import { DeadlineError } from './errors.ts'

export interface Wait {
  readonly deadlineMs: number
  /** Completes the message of the DeadlineError; as a function, with what is so when the time is over. */
  readonly what: string | (() => string)
  readonly everyMs?: number
}

const POLL_MS = 10

/** Polls until the condition holds. Rejects with DeadlineError if it does not in time, or with its exception. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { deadlineMs, what, everyMs = POLL_MS }: Wait,
): Promise<void> {
  const giveUpAtMs = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > giveUpAtMs) throw new DeadlineError(typeof what === 'string' ? what : what(), deadlineMs)
    await sleep(everyMs)
  }
}

/** Resolves to whether the promise was fulfilled; never rejects. */
export function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  )
}

/** Resolves to whether the promise settled within so many milliseconds. */
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
