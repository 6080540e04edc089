/** A series of faults, drawn from a seed: each is healed, and the cluster has recovered, before the next one. */
import { setTimeout as sleep } from 'node:timers/promises'

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
  readonly random: () => number
  readonly signal: AbortSignal
  /** Called after each fault, with their number so far. */
  readonly onFault: (done: number, what: string) => void
}

/** The time from recovery to the next fault: long enough for users to act, and random so that faults have no fixed phase. */
const CALM_MIN_MS = 700
const CALM_SPAN_MS = 1_000

/** Resolves when the last fault is healed, or when `signal` aborts. Rejects with DeadlineError if something stays broken. */
export async function campaign(breaker: Breaker, options: CampaignOptions): Promise<void> {
  const { kinds, count, random, signal, onFault } = options
  for (let done = 0; done < count && !signal.aborted;) {
    await sleep(CALM_MIN_MS + random() * CALM_SPAN_MS, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    const what = await breaker.once(kinds[done % kinds.length] ?? 'kill', random)
    await breaker.whole(signal)
    if (!signal.aborted) onFault(++done, what)
  }
}
