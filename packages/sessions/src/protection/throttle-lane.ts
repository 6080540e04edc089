/**
 * How long the next attempt has to wait, after so many that failed: pure, with the time as an argument. The first few are
 * free, then each wait is double the one before up to a bound, and after very many each waits as long as the lock.
 */
export interface Lane {
  /** So many failures in a row before there is any wait. */
  readonly freeFailures: number
  /** The first wait. */
  readonly delayMs: number
  /** The longest wait before the lock. */
  readonly delayMaxMs: number
  /** So many failures in a row, and the lock begins. */
  readonly failuresMax: number
  /** How long each attempt waits from then on. */
  readonly lockMs: number
  /** Without a further failure for so long, all are forgotten. */
  readonly forgetMs: number
}

/** All that is kept of however many attempts. */
export interface Tally {
  /** In a row; those still under way count as failed. */
  readonly failures: number
  readonly lastAtMs: number
}

export const NO_FAILURES: Tally = { failures: 0, lastAtMs: 0 }

export function delayAfterMs(failures: number, lane: Lane): number {
  if (failures >= lane.failuresMax) return lane.lockMs
  if (failures < lane.freeFailures) return 0
  return Math.min(lane.delayMaxMs, lane.delayMs * 2 ** (failures - lane.freeFailures))
}

/** How long from now until the next attempt is let in; 0 lets it in now. */
export function waitMs({ failures, lastAtMs }: Tally, lane: Lane, nowMs: number): number {
  const delay = delayAfterMs(failures, lane)
  // Another node's clock may be ahead of ours; the wait is bounded by its own length even so.
  return Math.min(delay, Math.max(0, lastAtMs + delay - nowMs))
}

/** With one attempt more, which counts as failed until it turns out otherwise. */
export function counted({ failures, lastAtMs }: Tally, lane: Lane, nowMs: number): Tally {
  return { failures: Math.min(failures + 1, lane.failuresMax), lastAtMs: Math.max(lastAtMs, nowMs) }
}

/** With one attempt less, which has turned out otherwise. */
export function uncounted({ failures, lastAtMs }: Tally): Tally {
  return { failures: Math.max(0, failures - 1), lastAtMs }
}

/** From when on the tally means nothing any more. */
export function forgottenAtMs({ failures, lastAtMs }: Tally, lane: Lane): number {
  return lastAtMs + Math.max(lane.forgetMs, delayAfterMs(failures, lane))
}
