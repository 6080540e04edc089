import type { SelfInflictedFault, FaultOrder } from './self-inflicted-fault.ts'

const STALL_MAX_MS = 60_000

/** Blocks the event loop, as a runaway regular expression does. It can't be interrupted, so it ends by itself. */
export function stall({ durationMs }: FaultOrder): SelfInflictedFault {
  let isOver = false
  return {
    begin() {
      const endsAtMs = performance.now() + Math.min(Number(durationMs) || 0, STALL_MAX_MS)
      while (performance.now() < endsAtMs);
      isOver = true
    },
    stands: () => !isOver,
    end: () => undefined,
  }
}
