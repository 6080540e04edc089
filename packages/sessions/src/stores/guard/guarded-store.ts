/**
 * Puts a time limit and a breaker in front of any store: every call ends within a bound, and while the store is known to be
 * down, calls fail at once instead of queueing.
 */
import { breaker, type BreakerRules } from './breaker.ts'
import type { SessionStore } from '../../contract.ts'
import { deadlineList } from '../../deadlines.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../errors.ts'
import { heldBackCalls } from './held-back-calls.ts'
import { type Rules, take } from '../../options.ts'
import type { SessionTracing } from '../../observability/observers.ts'
import { outageWatch } from './outage-watch.ts'
import type { BreakerEvent, StoreCall, StoreVerb } from '../../telemetry.ts'

export interface GuardOptions extends Partial<BreakerRules> {
  /** The most that one call may take, and before that the most that it may be held back. Default 2,000. */
  readonly callTimeoutMs?: number
}

export const guardRules: Rules<GuardOptions> = {
  callTimeoutMs: take.waitMs(1),
  failuresMax: take.wholeNumber(1),
  pauseMinMs: take.durationMs(0),
  pauseMaxMs: take.durationMs(0),
}

/** What an application that watches the store is told: see telemetry.ts. */
export interface GuardTelemetry {
  readonly onEvent?: ((event: BreakerEvent) => void) | undefined
  readonly onStoreCall?: ((call: StoreCall) => void) | undefined
  readonly tracing?: SessionTracing | undefined
}

export function guardedStore(
  store: SessionStore,
  options: GuardOptions = {},
  { onEvent, onStoreCall, tracing }: GuardTelemetry = {},
): SessionStore {
  const { callTimeoutMs = 2_000, failuresMax = 10, pauseMinMs = 100, pauseMaxMs = 1_000 } = options
  const gate = breaker({ failuresMax, pauseMinMs, pauseMaxMs })
  const unavailable = (why: string): StoreUnavailableError => new StoreUnavailableError(store.name, new Error(why))
  const deadlines = deadlineList(callTimeoutMs, () => unavailable(`no answer within ${callTimeoutMs} ms`))
  const outages = outageWatch(store.name, gate, onEvent)
  /** A call of any verb that is not sent. */
  const refused = (): StoreUnavailableError => {
    outages.refused()
    return new StoreUnavailableError(store.name)
  }

  const calls = heldBackCalls(gate, deadlines, refused)

  const guarded = async <T>(verb: StoreVerb, call: () => Promise<T>): Promise<T> => {
    const held = calls.admitted()
    if (held !== undefined) await held
    const startedAtMs = performance.now()
    let outcome: StoreCall['outcome'] = 'failed'
    try {
      const result = await (tracing === undefined
        ? deadlines.within(call())
        : tracing.storeCall(verb, store.name, () => deadlines.within(call())))
      gate.succeeded()
      outcome = 'ok'
      return result
    } catch (error) {
      // Any other error says that the store answered.
      if (error instanceof StoreUnavailableError && !(error instanceof StoreRefusedError))
        gate.failed(performance.now(), Math.random())
      else gate.succeeded()
      outages.failedBy(error)
      throw error
    } finally {
      onStoreCall?.({ verb, outcome, durationMs: performance.now() - startedAtMs })
      outages.look()
      calls.admitWaiting()
    }
  }

  return {
    name: store.name,
    get capabilities() {
      return store.capabilities
    },
    /** Texts have no breaker: a record tells later what they could not. */
    get notifications() {
      return store.notifications
    },
    open: () => store.open(),
    health: async () => {
      await deadlines.within(store.health())
      gate.recovered()
      outages.look()
    },
    ...(store.localSessionCount && { localSessionCount: store.localSessionCount.bind(store) }),
    read: (key) => guarded('read', () => store.read(key)),
    write: (key, write) => guarded('write', () => store.write(key, write)),
    touch: (key, expiresAtMs) => guarded('touch', () => store.touch(key, expiresAtMs)),
    destroy: (key, destroy) => guarded('destroy', () => store.destroy(key, destroy)),
    close: async () => {
      await store.close()
      deadlines.giveUp(() => unavailable('the store was closed'))
    },
  }
}
