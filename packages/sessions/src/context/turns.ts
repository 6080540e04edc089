/**
 * After a conflict, the writers of this process queue per session. Without the queue, of a hundred requests that add to one
 * session at once each round of tries lets one through, and the last ones run out of tries. A writer that leaves hands on the
 * session as it is then, so that the next one need not read it. A first try takes no turn, because most changes meet no
 * conflict. The wait is bounded, in time and in number.
 */
import type { SessionKey } from '../contract.ts'
import { deadlineList } from '../deadlines.ts'
import { SessionBusyError } from '../errors.ts'
import type { Snapshot } from '../record/record.ts'

export interface Turn {
  /** The session as the writer before left it, if that is known. */
  readonly found: Snapshot | undefined
  /** Must be called, once; `left` is the session as it is now, if that is known. */
  leave(left: Snapshot | undefined): void
}

export interface Turns {
  /** Rejects with SessionBusyError when the wait is over its bound. */
  take(key: SessionKey): Promise<Turn>
}

/** Begins the turn of a writer that waits. */
type Begin = (found: Snapshot | undefined) => void

/** Of one session, in this process. */
const WAITING_MAX = 1_000

export function turns(waitMaxMs: number): Turns {
  /** The writers that wait, by session; a session that is here has one whose turn it is. */
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
