/**
 * Whether the store serves, asked seldom and never waited for long. Balancers probe each node several times a second and
 * there may be many of them; the store is asked once for all of them, and one that hangs is asked again only when it has
 * answered.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionStore } from '@ninelives/sessions'

export type StoreHealth = () => Promise<boolean>

/** For so long an answer is good enough for the next one who asks. */
const ANSWER_FRESH_MS = 250
/** A store that takes longer can't serve a request either. */
const ANSWER_WAIT_MS = 1000

export function storeHealth(
  store: Pick<SessionStore, 'health'>,
  now: () => number = performance.now.bind(performance),
): StoreHealth {
  let answer: { readonly healthy: boolean; readonly atMs: number } | undefined
  let asking: Promise<boolean> | undefined

  async function ask(): Promise<boolean> {
    const healthy = await store.health().then(
      () => true,
      () => false,
    )
    answer = { healthy, atMs: now() }
    asking = undefined
    return healthy
  }

  return async () => {
    if (answer !== undefined && now() - answer.atMs < ANSWER_FRESH_MS) return answer.healthy
    asking ??= ask()
    const patience = new AbortController()
    const tooLate = sleep(ANSWER_WAIT_MS, false, { signal: patience.signal }).catch(() => false)
    try {
      return await Promise.race([asking, tooLate])
    } finally {
      patience.abort()
    }
  }
}
