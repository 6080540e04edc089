/** A series of faults from a seed: one after the other, each healed and the cluster whole before the next one. */
import { setTimeout as sleep } from 'node:timers/promises'

/** How one system is broken and known to be whole again. */
export interface Breaker {
  /** Resolves once the fault is over or its end is on its way, with what became of it in a few words. */
  once(kind: string, random: () => number): Promise<string>
  /** Resolves once everything is whole, or it is time to stop. Rejects with DeadlineError when it stays broken. */
  whole(signal: AbortSignal): Promise<void>
}

export interface CampaignOptions {
  readonly kinds: readonly string[]
  readonly count: number
  readonly random: () => number
  readonly signal: AbortSignal
  /** Told after each, with how many there were. */
  readonly onFault: (done: number, what: string) => void
}

/** From the cluster being whole to the next fault: long enough for the users to notice, and at no fixed phase. */
const CALM_MIN_MS = 700
const CALM_SPAN_MS = 1_000

/** Resolves when the last fault is healed, or it is time to stop. Rejects with DeadlineError when something stays broken. */
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
