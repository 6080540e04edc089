/**
 * A series of faults, drawn from a seed: each is healed, and the cluster has recovered, before the next one. In a storm several stand at
 * once, and the next ones come when all are healed.
 */
import { seededRandom, SEED_MAX } from '../random.ts'
import { byClock, type Schedule } from './schedule.ts'

/** Breaks one kind of system, and knows when it has recovered. */
export interface Breaker {
  /** Resolves when the fault is over or will end by itself, with a short description. */
  once(kind: string, random: () => number): Promise<string>
  /** Resolves when everything has recovered, or when `signal` aborts. Rejects with DeadlineError if something stays broken. */
  whole(signal: AbortSignal): Promise<void>
}

export interface CampaignOptions {
  readonly kinds: readonly string[]
  readonly count: number
  /** So many stand at once. Default 1. */
  readonly overlap?: number
  /** Default: by the clock. */
  readonly schedule?: Schedule
  readonly random: () => number
  readonly signal: AbortSignal
  /** Called after each fault, with their number so far. */
  readonly onFault: (done: number, what: string) => void
}

/** The time from recovery to the next fault: long enough for users to act, and random so that faults have no fixed phase. */
const CALM_MIN_MS = 700
const CALM_SPAN_MS = 1_000
/** In a storm users must see that there is full service again. */
const CALM_AFTER_STORM_MS = 2_500
/** The next fault of a storm comes within this time, while the first one stands. */
const STAGGER_MS = 250

/** Resolves when the last fault is healed, or when `signal` aborts. Rejects with DeadlineError if something stays broken. */
export async function campaign(breaker: Breaker, options: CampaignOptions): Promise<void> {
  const { kinds, count, overlap = 1, schedule = byClock, random, signal, onFault } = options
  for (let done = 0; done < count && !signal.aborted;) {
    const calmMs = overlap > 1 ? CALM_AFTER_STORM_MS : CALM_MIN_MS
    await schedule.next(calmMs + random() * CALM_SPAN_MS, signal)
    if (signal.aborted) return
    const planned = Array.from(
      { length: Math.min(overlap, count - done) },
      (_, nth) => kinds[(done + nth) % kinds.length],
    )
    const whats =
      planned.length > 1
        ? await storm(breaker, planned, schedule, random)
        : [await breaker.once(planned[0] ?? 'kill', random)]
    await breaker.whole(signal)
    if (signal.aborted) return
    for (const what of whats) onFault(++done, what)
  }
}

/** Each fault draws from a seed of its own, as the order in which they land is not fixed. */
async function storm(
  breaker: Breaker,
  planned: readonly (string | undefined)[],
  schedule: Schedule,
  random: () => number,
): Promise<readonly string[]> {
  const own = planned.map(() => seededRandom(Math.floor(random() * SEED_MAX)))
  return await Promise.all(
    planned.map(async (kind, nth) => {
      const draw = own[nth] ?? random
      if (nth > 0) await schedule.later(draw() * STAGGER_MS)
      return await breaker.once(kind ?? 'kill', draw)
    }),
  )
}
