/** Calls that wait in front of a store that came back and is asked by ever more: first come, first admitted. */
import type { Breaker } from './breaker.ts'
import type { Deadlines } from '../../deadlines.ts'

export interface HeldBackCalls {
  /** Undefined where the call may be sent at once; rejects, or throws, where it may not be sent. */
  admitted(): Promise<void> | undefined
  /** Gives the room that there is by now to those that wait longest. When the store has failed again, all are told. */
  admitWaiting(): void
}

interface Waiting {
  /** It has been admitted. */
  resolve(): void
  reject(error: Error): void
}

const WAITING_MAX = 10_000

export function heldBackCalls(gate: Breaker, deadlines: Deadlines, refused: () => Error): HeldBackCalls {
  /** In the order in which they came; a call that gave up is not among them. */
  const waiting = new Set<Waiting>()

  const holdBack = async (): Promise<void> => {
    if (waiting.size >= WAITING_MAX) throw refused()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const call = { resolve, reject }
    waiting.add(call)
    await deadlines.within(promise, () => waiting.delete(call))
  }

  return {
    admitted() {
      // A call that comes now does not overtake those that wait.
      const admission = waiting.size > 0 ? 'wait' : gate.admit(performance.now())
      if (admission === 'no') throw refused()
      return admission === 'wait' ? holdBack() : undefined
    },

    admitWaiting() {
      for (const call of waiting) {
        const admission = gate.admit(performance.now())
        if (admission === 'wait') return
        waiting.delete(call)
        if (admission === 'go') call.resolve()
        else call.reject(refused())
      }
    },
  }
}
