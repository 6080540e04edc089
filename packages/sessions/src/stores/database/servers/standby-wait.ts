/**
 * Whether changes wait for a synchronous standby that is away. A backend of PostgreSQL that waits for one goes on when its client has given
 * up: each change that runs into its timeout leaves one, until the server has no connection left, not even for reads. So once a change has
 * timed out, the server is asked whether changes have waited for as long; while they do, no other is sent. A lease of a near-cache is
 * such a change too. One that waits also holds the server's lock of NOTIFY, and the next leases would wait for that.
 *
 * Rejected: to cancel the wait. The change would be committed on the primary alone, and a reader would see what a failover loses.
 */
import { StoreRefusedError } from '../../../errors.ts'

export interface StandbyWait {
  /** Rejects with StoreRefusedError while changes wait. */
  over(): Promise<void>
  /** A change has not been answered in time. */
  suspected(): void
}

const LOOK_EVERY_MS = 250

/** `count`: how many backends of ours have waited for too long. */
export function standbyWait(address: string, count: () => Promise<number>): StandbyWait {
  let isWaiting = false
  let looking: Promise<void> | undefined
  let lookAgainAtMs = 0

  const look = async (): Promise<void> => {
    try {
      isWaiting = (await count()) > 0
    } catch {
      // Without an answer nothing new is known. The next change finds out.
      isWaiting = false
    } finally {
      lookAgainAtMs = performance.now() + LOOK_EVERY_MS
      looking = undefined
    }
  }

  return {
    async over() {
      if (isWaiting && performance.now() >= lookAgainAtMs) await (looking ??= look())
      if (isWaiting)
        throw new StoreRefusedError(
          `${address}, whose changes wait for a standby`,
          new Error('its synchronous standby is away, and earlier changes wait for it'),
        )
    },
    suspected() {
      looking ??= look()
    },
  }
}
