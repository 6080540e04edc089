/** When an outage of the store begins, by the breaker, and when it is over: told once each. */
import type { Breaker } from './breaker.ts'
import type { BreakerEvent } from '../../telemetry.ts'

export function outageWatch(store: string, gate: Breaker, onEvent: ((event: BreakerEvent) => void) | undefined) {
  let downSinceMs: number | undefined
  let callsRefused = 0
  let reason = ''

  return {
    refused: () => void callsRefused++,

    failedBy(error: unknown): void {
      const cause = error instanceof Error ? (error.cause ?? error) : error
      reason = cause instanceof Error ? cause.message : typeof cause
    },

    look(): void {
      const isDown = gate.state === 'open' || gate.state === 'probing'
      if (isDown === (downSinceMs !== undefined)) return
      if (downSinceMs === undefined) {
        downSinceMs = performance.now()
        callsRefused = 0
        onEvent?.({ event: 'store-down', store, reason })
      } else {
        const downMs = Math.round(performance.now() - downSinceMs)
        downSinceMs = undefined
        onEvent?.({ event: 'store-up', store, downMs, callsRefused })
      }
    },
  }
}
