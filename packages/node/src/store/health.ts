/**
 * The store's health, cached. Many balancers may probe each node several times a second; the store is asked once for all of them,
 * and a store that hangs is asked again only after it has answered.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SessionStore } from '@ninelives/sessions'

/** Resolves undefined while the store serves, else to the reason. */
export type StoreHealth = () => Promise<string | undefined>

/** How long an answer is cached. */
const ANSWER_FRESH_MS = 250
/** A store that takes longer can't serve requests either. */
const ANSWER_WAIT_MS = 1000
const LATE = `the store did not answer its health check within ${ANSWER_WAIT_MS} ms`

export function storeHealth(
  store: Pick<SessionStore, 'health'>,
  now: () => number = performance.now.bind(performance),
): StoreHealth {
  let answer: { readonly amiss: string | undefined; readonly atMs: number } | undefined
  let asking: Promise<string | undefined> | undefined

  async function ask(): Promise<string | undefined> {
    const amiss = await store.health().then(() => undefined, reasonOf)
    answer = { amiss, atMs: now() }
    asking = undefined
    return amiss
  }

  return async () => {
    if (answer !== undefined && now() - answer.atMs < ANSWER_FRESH_MS) return answer.amiss
    const asked = (asking ??= ask())
    // A store in this process answers at once. Even a timer that is cleared wakes the process when it would have been due.
    await nextTurn()
    if (asking !== asked && answer !== undefined) return answer.amiss
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    const late = setTimeout(resolve, ANSWER_WAIT_MS, LATE)
    void asked.then(resolve)
    return await promise.finally(() => clearTimeout(late))
  }
}

/** The cause of a store's error says more. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'the store does not serve'
  return thrown.cause instanceof Error ? thrown.cause.message : thrown.message
}
