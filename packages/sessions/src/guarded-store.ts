/**
 * A store that nobody waits long for: every call ends within a bound, whoever wrote the store, and while the store is known
 * to be down calls fail at once instead of queueing up in front of it.
 */
import { breaker, type BreakerRules } from './breaker.ts'
import type { SessionStore } from './contract.ts'
import { deadlineList } from './deadlines.ts'
import { StoreRefusedError, StoreUnavailableError } from './errors.ts'

export interface GuardOptions extends Partial<BreakerRules> {
  /** The most that one call may take. Default 2,000. */
  readonly callTimeoutMs?: number
}

/** Of calls held back while a store that came back is asked by ever more. */
const WAITING_MAX = 10_000

export function guardedStore(store: SessionStore, options: GuardOptions = {}): SessionStore {
  const { callTimeoutMs = 2_000, failuresMax = 10, pauseMinMs = 100, pauseMaxMs = 1_000 } = options
  const gate = breaker({ failuresMax, pauseMinMs, pauseMaxMs })
  const unavailable = (why: string): StoreUnavailableError => new StoreUnavailableError(store.name, new Error(why))
  const deadlines = deadlineList(callTimeoutMs, () => unavailable(`no answer within ${callTimeoutMs} ms`))
  const waiting: (() => void)[] = []

  const admitted = async (): Promise<void> => {
    for (;;) {
      const admission = gate.admit(performance.now())
      if (admission === 'go') return
      if (admission === 'no' || waiting.length >= WAITING_MAX) throw new StoreUnavailableError(store.name)
      await deadlines.within(new Promise<void>((resolve) => waiting.push(resolve)))
    }
  }

  /** One call has ended and made room, and if it succeeded there is room for one more. Once nothing is held back, for all. */
  const wakeSome = (): void => {
    const count = gate.state === 'ramping' ? 2 : waiting.length
    for (const wake of waiting.splice(0, count)) wake()
  }

  const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
    if (gate.admit(performance.now()) !== 'go') await admitted()
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
      if (waiting.length > 0) wakeSome()
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
