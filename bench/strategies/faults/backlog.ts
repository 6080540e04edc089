/**
 * Whether the users do what is due when it is due. After an outage a tab sends, one after the other, all that fell due meanwhile; a run
 * that ended before that would have no record of it, and would take a hole in its own books for a quiet time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Trace } from '@ninelives/lab'

export interface Backlog {
  /** Resolves whether it is gone, within CATCH_UP_MAX_MS. */
  gone(signal: AbortSignal): Promise<boolean>
  close(): void
}

/** So long in a row nothing may be sent late. */
const ON_TIME_FOR_MS = 300
const LATE_MS = 100
/** When so many should have been sent and none was, they wait for something. */
const QUIET_OPERATIONS = 5
const CATCH_UP_MAX_MS = 15_000
const LOOK_EVERY_MS = 20

/** `rate`: operations a second that are due, of all users together. */
export function watchBacklog(trace: Pick<Trace, 'listen'>, rate: number): Backlog {
  const quietMaxMs = Math.max(ON_TIME_FOR_MS, (QUIET_OPERATIONS * 1_000) / rate)
  const beganMs = performance.now()
  let lateAtMs = beganMs
  let sentAtMs = Number.NEGATIVE_INFINITY
  const close = trace.listen((event) => {
    if (event.type !== 'operation-sent') return
    sentAtMs = performance.now()
    if (event.sentAtMs - event.dueAtMs > LATE_MS) lateAtMs = sentAtMs
  })
  const isGone = (): boolean => {
    const nowMs = performance.now()
    return nowMs - lateAtMs >= ON_TIME_FOR_MS && nowMs - sentAtMs < quietMaxMs
  }
  return {
    async gone(signal) {
      const deadlineMs = performance.now() + CATCH_UP_MAX_MS
      while (!isGone() && performance.now() < deadlineMs) await sleep(LOOK_EVERY_MS, undefined, { signal })
      return isGone()
    },
    close,
  }
}
