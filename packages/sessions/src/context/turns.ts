/**
 * After a conflict, the writers of this process queue per session. Without the queue, of a hundred concurrent requests on one session
 * one succeeds in each round of attempts, and the last run out of attempts. A writer that leaves passes the session's new state on, so
 * that the next need not read it. The first attempt does not queue, because most changes have no conflict. The wait is bounded, in time
 * and in number.
 */
import type { SessionKey } from '../contract.ts'
import { deadlineList } from '../deadlines.ts'
import { SessionBusyError } from '../errors.ts'
import type { Snapshot } from '../record/record.ts'

export interface Turn {
  /** The session after the previous writer, if known. */
  readonly found: Snapshot | undefined
  /** Must be called once; `left` is the session as it is now, if known. */
  leave(left: Snapshot | undefined): void
}

export interface Turns {
  /** Rejects with SessionBusyError when the wait is over its bound. */
  take(key: SessionKey): Promise<Turn>
}

/** Begins the turn of a waiting writer. */
type Begin = (found: Snapshot | undefined) => void

/** Of one session, in this process. */
const WAITING_MAX = 1_000

export function turns(waitMaxMs: number): Turns {
  /** The waiting writers, by session; a session in this map has a writer whose turn it is. */
  const queues = new Map<SessionKey, Set<Begin>>()
  const deadlines = deadlineList(waitMaxMs, () => new SessionBusyError())

  const leave = (key: SessionKey, queue: Set<Begin>, left: Snapshot | undefined): void => {
    const [next] = queue
    if (next === undefined) {
      queues.delete(key)
      return
    }
    queue.delete(next)
    next(left)
  }

  return {
    async take(key) {
      const queue = queues.get(key)
      if (queue === undefined) {
        const begun = new Set<Begin>()
        queues.set(key, begun)
        return { found: undefined, leave: (left) => leave(key, begun, left) }
      }
      if (queue.size >= WAITING_MAX) throw new SessionBusyError()
      const { promise, resolve } = Promise.withResolvers<Snapshot | undefined>()
      queue.add(resolve)
      const found = await deadlines.within(promise, () => queue.delete(resolve))
      return { found, leave: (left) => leave(key, queue, left) }
    },
  }
}
