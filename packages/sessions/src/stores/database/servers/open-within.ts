/** Opening a server that may just be starting: tries again until its time is over. */
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreConfigError } from '../../../errors.ts'

const RETRY_MS = 100

/** Rejects at once with StoreConfigError, which another try does not mend. */
export async function openWithin(boundMs: number, open: (leftMs: number) => Promise<void>): Promise<void> {
  const deadlineAtMs = performance.now() + boundMs
  for (;;) {
    try {
      return await open(Math.max(1, deadlineAtMs - performance.now()))
    } catch (error) {
      if (error instanceof StoreConfigError || performance.now() + RETRY_MS > deadlineAtMs) throw error
    }
    await sleep(RETRY_MS)
  }
}
