import type { SelfInflictedFault, FaultOrder } from './self-inflicted-fault.ts'

/** The wall clock is wrong by a fixed span, for everything in this process that asks `Date.now`. Timers go on as they are. */
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
