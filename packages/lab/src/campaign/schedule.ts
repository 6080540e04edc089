/** When the faults of a campaign come and end: by the clock, or by the users' operations, so that a seed repeats them. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Keeper } from '../supervise/keeper.ts'

export interface Schedule {
  /** Whether a fault ends by its own duration; otherwise the campaign heals it, by `later`. */
  readonly endsByClock: boolean
  /** Resolves when the next fault is due, or when `signal` aborts. */
  next(calmMs: number, signal: AbortSignal): Promise<void>
  /** Resolves so long after the fault, or the storm, that is due now. */
  later(ms: number, signal?: AbortSignal): Promise<void>
}

export const byClock: Schedule = {
  endsByClock: true,
  next: (calmMs, signal) => sleeps(calmMs, signal),
  later: (ms, signal) => sleeps(ms, signal),
}

/** Most clusters have recovered after this time, so that the next fault is not late. */
const RECOVERY_MS = 4_000
/** An outage holds operations up, as a tab has one at a time. */
const SLOWDOWN_MAX = 10
const STALLED_MS = 30_000

/**
 * Milliseconds become operations, at the rate of the run. Faults have fixed places in the order of the operations: one that is late, as
 * the cluster had not recovered, does not move those after it.
 */
export function byOperations(users: Keeper | undefined, rate: number): Schedule {
  let due = 0
  let calls = 0
  const operations = (ms: number): number => Math.round((ms * rate) / 1_000)
  const reach = async (operation: number, ms: number, signal?: AbortSignal): Promise<void> => {
    const message = { type: 'reach', id: `reach-${++calls}`, operation }
    const reached = users?.call(message, 'reached', STALLED_MS + SLOWDOWN_MAX * ms)
    await Promise.race([reached, ...(signal === undefined ? [] : [aborted(signal)])])
  }
  return {
    endsByClock: false,
    async next(calmMs, signal) {
      due += operations(RECOVERY_MS + calmMs)
      await reach(due, RECOVERY_MS + calmMs, signal)
    },
    later: (ms, signal) => reach(due + operations(ms), ms, signal),
  }
}

async function sleeps(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
