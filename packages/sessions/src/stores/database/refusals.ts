/**
 * Whether the database answers and yet refuses changes: its disk is full, or it is read-only. Reads go on, so the breaker must
 * not open. The store learns of it from a change that is refused; from then on each `look` tries a change of its own, until one
 * is accepted.
 */
import type { Clock } from '../../clock.ts'
import type { SessionKey } from '../../contract.ts'
import { StoreRefusedError } from '../../errors.ts'
import { reasonOf } from '../../reason.ts'
import type { OnStoreEvent } from '../../telemetry.ts'
import type { Changed, Dialect } from './dialect.ts'

export interface Refusals {
  /** Runs a change, and remembers if the database refuses it. */
  watched<T extends Changed | void>(change: () => Promise<T>): Promise<T>
  /** If the last change was refused, tries one, and rejects if that is refused too. */
  look(): Promise<void>
  /** As of the last change or look. */
  readonly reason: string | undefined
}

const PROBE_KEY = '~probe' as SessionKey

export function changeRefusals(database: Dialect, clock: Clock, onEvent: OnStoreEvent): Refusals {
  let reason: string | undefined

  const watched = async <T extends Changed | void>(change: () => Promise<T>): Promise<T> => {
    try {
      const result = await change()
      // To find that there is nothing to change needs no room, and no right to write.
      const isMade = result !== false && typeof result !== 'object'
      if (reason !== undefined && isMade) {
        reason = undefined
        onEvent({ event: 'changes-accepted', server: database.address })
      }
      return result
    } catch (error) {
      if (error instanceof StoreRefusedError) {
        const isFirst = reason === undefined
        reason = `${database.address} refuses changes: ${reasonOf(error)}`
        if (isFirst) onEvent({ event: 'changes-refused', server: database.address, reason })
      }
      throw error
    }
  }

  return {
    watched,
    get reason() {
      return reason
    },
    async look() {
      if (reason === undefined) return
      const nowMs = clock.now()
      // A row that counts for nothing: it expires as it is created, and the next probe replaces it.
      await watched(() => database.create(PROBE_KEY, { expiresAtMs: nowMs, sweepSlot: 0 }, '', nowMs))
    },
  }
}
