import type { SelfInflictedFault, FaultOrder } from './self-inflicted-fault.ts'

const STALL_MAX_MS = 60_000

/** The event loop stands still, as under a regular expression gone wild. Nothing can call it back, so its end is fixed. */
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
