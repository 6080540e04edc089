/** Requests to a store: a read and a write of one session, again and again, and how late each was answered. */
import assert from 'node:assert/strict'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionStore } from '@ninelives/sessions'
import { answered, BODY, freshKey } from './contents.ts'
import type { Lateness } from './result.ts'

export interface Requests {
  /** Ends them, and rejects if one of them has failed. */
  end(): Promise<void>
  lateness(): Lateness
}

/** After an answer the next request is due so much later. */
const EVERY_MS = 2
const ALIVE_MS = 3_600_000

export function requestsTo(store: SessionStore): Requests {
  const histogram = createHistogram()
  const key = freshKey()
  const ending = new AbortController()

  const run = async (): Promise<void> => {
    for (let version = 0; !ending.signal.aborted;) {
      const dueAtMs = performance.now() + EVERY_MS
      await sleep(EVERY_MS)
      version = await answered(async () => {
        // An earlier try may have been carried out without an answer.
        const expectedVersion = (await store.read(key))?.version ?? version
        const write = { expectedVersion, expiresAtMs: Date.now() + ALIVE_MS, body: BODY }
        const written = await store.write(key, write)
        assert(written.status === 'written')
        return written.version
      })
      histogram.record(Math.max(1, Math.round((performance.now() - dueAtMs) * 1_000)))
    }
    await store.destroy(key, { fenceUntilMs: Date.now() + EVERY_MS })
  }
  const running = run()
  // It is told of at the end.
  running.catch(() => {})

  return {
    async end() {
      ending.abort()
      await running
    },
    lateness: () => ({
      requests: histogram.count,
      longestMs: histogram.max / 1_000,
    }),
  }
}
