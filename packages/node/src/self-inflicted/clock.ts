import type { SelfInflictedFault, FaultOrder } from './self-inflicted-fault.ts'

const machineNow = Date.now
/** Of the faults that stand: they may overlap, and end in any order. */
const skews = new Set<{ readonly ms: number }>()

/** Shifts `Date.now` of this process by a fixed time. Timers are not affected. */
export function clock({ skewMs }: FaultOrder): SelfInflictedFault {
  const skew = { ms: Number(skewMs) || 0 }
  return {
    begin() {
      skews.add(skew)
      Date.now = skewedNow
    },
    stands: () => skews.has(skew) && Date.now === skewedNow,
    end() {
      skews.delete(skew)
      if (skews.size === 0 && Date.now === skewedNow) Date.now = machineNow
    },
  }
}

function skewedNow(): number {
  let now = machineNow()
  for (const { ms } of skews) now += ms
  return now
}
