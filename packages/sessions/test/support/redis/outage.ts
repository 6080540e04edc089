/** What a store does while its Redis fails over: sessions go on being created, one after another, and are remembered. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import type { SessionKey, SessionStore } from '../../../src/contract.ts'
import { StoreUnavailableError } from '../../../src/errors.ts'
import { until } from '../until.ts'
import { creation, freshKey } from '../records.ts'

export interface Outage {
  /** Creates sessions until one was refused and, after that, a good many were not. */
  through(writesTo?: SessionStore): Promise<void>
  /** Creates sessions until so many were acknowledged. */
  acknowledged(count: number): Promise<void>
  /** Every session whose creation was acknowledged is there, as it was written. */
  assertKept(): Promise<void>
}

const SERVED_AGAIN = 20
const BACK_WITHIN_MS = 120_000
const PAUSE_MS = 20

/** `callMaxMs`: the most that any call may take, be it answered or refused. */
export function outage(t: ExecutionContext, store: SessionStore, callMaxMs: number): Outage {
  const acknowledged = new Map<SessionKey, string>()

  const created = async (writesTo: SessionStore): Promise<boolean> => {
    const key = freshKey()
    const body = `session ${acknowledged.size}`
    try {
      const result = await bounded(writesTo.write(key, creation(body)))
      t.is(result.status, 'written')
      acknowledged.set(key, body)
      t.is((await bounded(store.read(key)))?.body, body)
      return true
    } catch (error) {
      t.true(error instanceof StoreUnavailableError, String(error))
      return false
    }
  }

  const bounded = async <T>(call: Promise<T>): Promise<T> => {
    const startedAtMs = performance.now()
    try {
      return await call
    } finally {
      const tookMs = performance.now() - startedAtMs
      t.true(tookMs < callMaxMs, `a call took ${tookMs} ms`)
    }
  }

  return {
    async through(writesTo = store) {
      const deadlineAtMs = performance.now() + BACK_WITHIN_MS
      let refused = 0
      let inARow = 0
      while (refused === 0 || inARow < SERVED_AGAIN) {
        if (await created(writesTo)) inARow++
        else {
          refused++
          inARow = 0
        }
        if (performance.now() > deadlineAtMs) throw new Error(`refused ${refused} times, and not serving again`)
        await sleep(PAUSE_MS)
      }
    },

    async acknowledged(count) {
      await until(
        `${count} sessions to be acknowledged`,
        async () => (await created(store)) && acknowledged.size >= count,
      )
    },

    async assertKept() {
      for (const [key, body] of acknowledged) t.is((await store.read(key))?.body, body)
    },
  }
}
