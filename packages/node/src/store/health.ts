/**
 * The store's health, cached. Many balancers may probe each node several times a second; the store is asked once for all of them,
 * and a store that hangs is asked again only after it has answered. Until then a probe is told what is known: the answer before, or after a
 * second that the store is out. If the probe waited longer, its balancer would give it up and take the node for dead.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SessionStore } from '@ninelives/sessions'

/** Resolves undefined while the store serves, else to the reason. */
export type StoreHealth = () => Promise<string | undefined>

/** How long an answer is cached. */
const ANSWER_FRESH_MS = 250
/** A store that takes longer counts as out. */
const STORE_WAIT_MS = 1_000
/** How long a probe waits for the store. The balancer, by default, and the lab give it up after 500 ms. */
const PROBE_WAIT_MS = 400
const LATE = `the store did not answer its health check within ${STORE_WAIT_MS} ms`

export function storeHealth(
  store: Pick<SessionStore, 'health'>,
  now: () => number = performance.now.bind(performance),
): StoreHealth {
  let answer: { readonly amiss: string | undefined; readonly atMs: number } | undefined
  let asking: { readonly answered: Promise<string | undefined>; readonly sinceMs: number } | undefined

  async function ask(): Promise<string | undefined> {
    const amiss = await store.health().then(() => undefined, reasonOf)
    answer = { amiss, atMs: now() }
    asking = undefined
    return amiss
  }

  return async () => {
    if (answer !== undefined && now() - answer.atMs < ANSWER_FRESH_MS) return answer.amiss
    const asked = (asking ??= { answered: ask(), sinceMs: now() })
    // A store in this process answers at once. Even a timer that is cleared wakes the process when it would have been due.
    await nextTurn()
    if (asking !== asked && answer !== undefined) return answer.amiss
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    const heldMs = () => now() - asked.sinceMs
    const giveUp = () => resolve(heldMs() < STORE_WAIT_MS ? answer?.amiss : LATE)
    // If this process itself stood still, the store's answer lies in a socket and is read before the next immediate.
    const timer = setTimeout(() => setImmediate(giveUp), Math.min(PROBE_WAIT_MS, Math.max(0, STORE_WAIT_MS - heldMs())))
    void asked.answered.then(resolve)
    return await promise.finally(() => clearTimeout(timer))
  }
}

/** The cause of a store's error says more. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'the store does not serve'
  return thrown.cause instanceof Error ? thrown.cause.message : thrown.message
}
