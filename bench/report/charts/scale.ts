/** A logarithmic axis: whole decades, and labels that do not run into each other. */
import { count } from '../drawing/figures.ts'

export const AXIS = { labelAnchor: 'center', labelArrow: 'none' } as const

const STEPS = [1, 3]
const DECADES_WITH_STEPS_MAX = 3

/** Of milliseconds, below a chart. */
export function logAxis(values: readonly number[]) {
  return { ...AXIS, type: 'log', grid: true, label: 'milliseconds', ...logTicks(values) } as const
}

function logTicks(values: readonly number[]) {
  const positive = values.filter((value) => value > 0)
  const low = positive.length === 0 ? 0 : Math.floor(Math.log10(Math.min(...positive)))
  const high = positive.length === 0 ? 1 : Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))))
  const decades = Array.from({ length: high - low + 1 }, (_, decade) => 10 ** (low + decade))
  const steps = decades.length <= DECADES_WITH_STEPS_MAX ? STEPS : [1]
  const ticks = decades.flatMap((decade) => steps.map((step) => step * decade)).filter((tick) => tick <= 10 ** high)
  return {
    domain: [10 ** low, 10 ** high],
    ticks,
    tickFormat: (tick: number) => (tick < 1 ? String(tick) : count(tick)),
  }
}
