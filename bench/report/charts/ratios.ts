/** Ratios with their intervals, around 1: hollow where no difference was shown. */
import * as Plot from '@observablehq/plot'
import type { Estimate, Finding } from '../../harness/statistics.ts'
import { type Chart, COLOURS } from '../drawing/drawing.ts'
import { times } from '../drawing/figures.ts'
import { slug } from '../drawing/slug.ts'
import { wrapped } from './labels.ts'
import { AXIS } from './scale.ts'

export interface Ratio {
  readonly label: string
  /** Each has a chart and a scale of its own. */
  readonly figure: string
  readonly ratio: Estimate
  readonly finding: Finding
}

const WIDTH = 350
const ROW_HEIGHT = 34
const LABEL_WIDTH = 140
const TICKS = [0.01, 0.03, 0.1, 0.2, 0.5, 0.8, 1, 1.25, 2, 5, 10, 30, 100, 300, 1_000, 10_000]
const TICKS_MAX = 5

/** `base`: the name of the divisor. */
export function ratioCharts(scenario: string, ratios: readonly Ratio[], base: string): Chart[] {
  const drawable = ratios.filter(isDrawable)
  return [...Map.groupBy(drawable, ({ figure }) => figure)].map(([figure, of]) => ({
    id: slug('ratios', scenario, figure),
    heading: figure,
    title: `${figure}, times that of ${base}: ${scenario}`,
    description: of.map(({ label, ratio, finding }) => `${label}: ${times(ratio)}, ${finding}`).join('; '),
    options: options(of, `times ${base}`),
  }))
}

/** A logarithmic axis has no place for other ratios; the table shows them. */
function isDrawable({ ratio: { low, high } }: Ratio): boolean {
  return low > 0 && Number.isFinite(high)
}

function options(ratios: readonly Ratio[], label: string): Plot.PlotOptions {
  const rows = ratios.map(({ ratio, finding, label: name }) => ({ name, ratio, ...fillOf(finding) }))
  const low = Math.min(0.75, ...ratios.map(({ ratio }) => ratio.low / 1.1))
  const high = Math.max(1.34, ...ratios.map(({ ratio }) => ratio.high * 1.1))
  const interval = { x1: (row: Row) => row.ratio.low, x2: (row: Row) => row.ratio.high }
  return {
    width: WIDTH,
    height: rows.length * ROW_HEIGHT + 60,
    marginLeft: LABEL_WIDTH,
    marginRight: 16,
    marginTop: 6,
    marginBottom: 40,
    x: {
      type: 'log',
      domain: [low, high],
      label,
      ...AXIS,
      grid: true,
      ticks: ticksBetween(low, high),
      tickFormat: String,
    },
    y: { domain: rows.map(({ name }) => name), label: null, tickSize: 0, tickFormat: wrapped },
    color: { type: 'identity' },
    marks: [
      Plot.ruleX([1], { stroke: 'currentColor', strokeDasharray: '4 3' }),
      Plot.link(rows, { ...interval, y: 'name', stroke: COLOURS.ok, strokeWidth: 2 }),
      Plot.dot(rows, {
        x: (row: Row) => row.ratio.median,
        y: 'name',
        r: 4.5,
        stroke: COLOURS.ok,
        strokeWidth: 1.6,
        fill: 'fill',
      }),
    ],
  }
}

interface Row {
  readonly name: string
  readonly ratio: Estimate
  readonly fill: string
}

function fillOf(finding: Finding): { fill: string } {
  return { fill: finding === 'less' || finding === 'more' ? COLOURS.ok : 'var(--surface, #fffefc)' }
}

/** Fewer in a wide range, and always 1. */
function ticksBetween(low: number, high: number): number[] {
  const within = TICKS.filter((tick) => tick >= low && tick <= high)
  if (within.length <= TICKS_MAX) return within
  return within.filter((tick) => tick === 1 || Number.isInteger(Math.log10(tick)))
}
