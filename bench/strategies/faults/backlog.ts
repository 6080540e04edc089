/**
 * Whether the users are on time. After an outage a tab sends the operations that fell due meanwhile one after the other; if the run ended
 * before that, the trace would lack them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Trace } from '@ninelives/lab'

export interface Backlog {
  /** Resolves with whether it is gone, within CATCH_UP_MAX_MS. */
  gone(signal: AbortSignal): Promise<boolean>
  close(): void
}

/** For this long nothing may be sent late. */
const ON_TIME_FOR_MS = 300
const LATE_MS = 100
/** When this many should have been sent and none was, the users are waiting. */
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
