import type { SelfInflictedFault, FaultOrder } from './self-inflicted-fault.ts'

/** Shifts `Date.now` of this process by a fixed time. Timers are not affected. */
export function clock({ skewMs }: FaultOrder): SelfInflictedFault {
  const before = Date.now
  const skew = Number(skewMs) || 0
  const skewed = (): number => before() + skew
  return {
    begin() {
      Date.now = skewed
    },
    stands: () => Date.now === skewed,
    end() {
      if (Date.now === skewed) Date.now = before
    },
  }
}
