/**
 * When to ask a store that fails, as a state machine without clock or timer.
 *
 *     closed ──(`failuresMax` in a row)──▶ open ──(pause over)──▶ probing ──(success)──▶ ramping ──▶ closed
 *                                           ▲────────(failure)──────┘  ◀────(failure)──────┘
 *
 * While it is open, calls fail at once. Then one call goes through as a probe and the rest still fail: a store that comes back
 * must not meet all callers at once. After that, as many calls may be in flight as have just succeeded, which doubles as in
 * the slow start of TCP.
 */

export interface BreakerRules {
  /** Failures in a row that open it. */
  readonly failuresMax: number
  readonly pauseMinMs: number
  /** The pause doubles with every probe that fails, up to this. */
  readonly pauseMaxMs: number
}

/** `wait`: not now, but as soon as another call has ended. `no`: fail at once. */
export type Admission = 'go' | 'wait' | 'no'

export interface Breaker {
  readonly state: 'closed' | 'open' | 'probing' | 'ramping'
  /** A call that was admitted must be reported back with `succeeded` or `failed`. */
  admit(nowMs: number): Admission
  succeeded(): void
  /** The store was found well by other means than a call that was admitted. */
  recovered(): void
  /** `random` in [0, 1) spreads the nodes' probes. */
  failed(nowMs: number, random: number): void
}

const RAMP_FROM = 2
const RAMP_UNTIL = 512

export function breaker(rules: BreakerRules): Breaker {
  let state: Breaker['state'] = 'closed'
  let failuresInARow = 0
  let pauseMs = rules.pauseMinMs
  let openUntilMs = 0
  let running = 0
  let runningMax = Infinity

  const ramp = (): void => {
    state = 'ramping'
    runningMax = RAMP_FROM
    pauseMs = rules.pauseMinMs
  }

  return {
    get state() {
      return state
    },

    admit(nowMs) {
      if (state === 'probing' || (state === 'open' && nowMs < openUntilMs)) return 'no'
      if (running >= runningMax) return 'wait'
      if (state === 'open') state = 'probing'
      running++
      return 'go'
    },

    succeeded() {
      running--
      failuresInARow = 0
      if (state === 'probing') ramp()
      else if (state === 'ramping' && ++runningMax > RAMP_UNTIL) {
        state = 'closed'
        runningMax = Infinity
      }
    },

    recovered() {
      failuresInARow = 0
      if (state === 'open') ramp()
    },

    failed(nowMs, random) {
      running--
      failuresInARow++
      if (state === 'open' || (state === 'closed' && failuresInARow < rules.failuresMax)) return
      state = 'open'
      runningMax = Infinity
      openUntilMs = nowMs + pauseMs * (0.5 + random / 2)
      pauseMs = Math.min(pauseMs * 2, rules.pauseMaxMs)
    },
  }
}
