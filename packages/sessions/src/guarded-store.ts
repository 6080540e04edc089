/**
 * A store that nobody waits long for: every call ends within a bound, whoever wrote the store, and while the store is known
 * to be down calls fail at once instead of queueing up in front of it.
 */
import { breaker, type BreakerRules } from './breaker.ts'
import type { SessionStore } from './contract.ts'
import { deadlineList } from './deadlines.ts'
import { StoreRefusedError, StoreUnavailableError } from './errors.ts'
import { type Rules, take } from './options.ts'

export interface GuardOptions extends Partial<BreakerRules> {
  /** The most that one call may take, and before that the most that it may be held back. Default 2,000. */
  readonly callTimeoutMs?: number
}

export const guardRules: Rules<GuardOptions> = {
  callTimeoutMs: take.durationMs(1),
  failuresMax: take.wholeNumber(1),
  pauseMinMs: take.durationMs(0),
  pauseMaxMs: take.durationMs(0),
}

interface Waiting {
  /** It has been admitted. */
  resolve(): void
  reject(error: Error): void
}

/** Of calls held back while a store that came back is asked by ever more. */
const WAITING_MAX = 10_000

export function guardedStore(store: SessionStore, options: GuardOptions = {}): SessionStore {
  const { callTimeoutMs = 2_000, failuresMax = 10, pauseMinMs = 100, pauseMaxMs = 1_000 } = options
  const gate = breaker({ failuresMax, pauseMinMs, pauseMaxMs })
  const unavailable = (why: string): StoreUnavailableError => new StoreUnavailableError(store.name, new Error(why))
  const deadlines = deadlineList(callTimeoutMs, () => unavailable(`no answer within ${callTimeoutMs} ms`))
  /** Held back, in the order in which they came; a call that gave up is not among them. */
  const waiting = new Set<Waiting>()

  const holdBack = async (): Promise<void> => {
    if (waiting.size >= WAITING_MAX) throw new StoreUnavailableError(store.name)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const call = { resolve, reject }
    waiting.add(call)
    await deadlines.within(promise, () => waiting.delete(call))
  }

  /** Gives the room that there is by now to those that wait longest. When the store has failed again, all are told. */
  const admitWaiting = (): void => {
    for (const call of waiting) {
      const admission = gate.admit(performance.now())
      if (admission === 'wait') return
      waiting.delete(call)
      if (admission === 'go') call.resolve()
      else call.reject(new StoreUnavailableError(store.name))
    }
  }

  const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
    // A call that comes now does not overtake those that wait.
    const admission = waiting.size > 0 ? 'wait' : gate.admit(performance.now())
    if (admission === 'no') throw new StoreUnavailableError(store.name)
    if (admission === 'wait') await holdBack()
    try {
      const result = await deadlines.within(call())
      gate.succeeded()
      return result
    } catch (error) {
      // Any other error says that the store answered.
      if (error instanceof StoreUnavailableError && !(error instanceof StoreRefusedError))
        gate.failed(performance.now(), Math.random())
      else gate.succeeded()
      throw error
    } finally {
      if (waiting.size > 0) admitWaiting()
    }
  }

  return {
    name: store.name,
    capabilities: store.capabilities,
    open: () => store.open(),
    health: async () => {
      await deadlines.within(store.health())
      gate.recovered()
    },
    ...(store.heldHere && { heldHere: store.heldHere.bind(store) }),
    read: (key, read) => guarded(() => store.read(key, read)),
    write: (key, write) => guarded(() => store.write(key, write)),
    touch: (key, expiresAtMs) => guarded(() => store.touch(key, expiresAtMs)),
    destroy: (key, destroy) => guarded(() => store.destroy(key, destroy)),
    close: async () => {
      await store.close()
      deadlines.giveUp(() => unavailable('the store was closed'))
    },
  }
}
