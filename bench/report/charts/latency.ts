/** Percentiles before, in and after the outage, each with its own shape. */
import * as Plot from '@observablehq/plot'
import { type Phase, type PhaseLatency, PHASES } from '../../result.ts'
import { type Chart, COLOURS } from '../drawing/drawing.ts'
import { milliseconds } from '../drawing/figures.ts'
import type { Measured } from '../drawing/reading.ts'
import { slug } from '../drawing/slug.ts'
import { wrapped } from './labels.ts'
import { logAxis } from './scale.ts'

const PERCENTILES = [
  { name: 'p50', symbol: 'circle', of: ({ p50 }: PhaseLatency) => p50 },
  { name: 'p99', symbol: 'square', of: ({ p99 }: PhaseLatency) => p99 },
  { name: 'p99.9', symbol: 'triangle', of: ({ p999 }: PhaseLatency) => p999 },
] as const

interface Point {
  readonly title: string
  readonly phase: Phase
  readonly percentile: string
  readonly ms: number
}

const WIDTH = 680
const PHASE_HEIGHT = 22
const LABEL_WIDTH = 150

export function latencyChart(entries: readonly Measured[], scenario: string): Chart {
  const points = entries.flatMap(pointsOf)
  const spans = [...Map.groupBy(points, ({ title, phase }) => `${phase} ${title}`).values()].map((at) => ({
    title: at[0]?.title,
    phase: at[0]?.phase,
    low: Math.min(...at.map(({ ms }) => ms)),
    high: Math.max(...at.map(({ ms }) => ms)),
  }))
  const titles = [...new Set(points.map(({ title }) => title))]
  const at = { y: 'phase', fy: 'title' }
  return {
    heading: 'Latency from the due time: ● p50, ■ p99, ▲ p99.9',
    id: slug('latency', scenario),
    title: `Latency percentiles before, in and after the outage: ${scenario}`,
    description: points
      .map(({ title, phase, percentile, ms }) => `${title}, ${phase}, ${percentile}: ${milliseconds(ms)}`)
      .join('; '),
    options: {
      width: WIDTH,
      height: titles.length * (PHASES.length * PHASE_HEIGHT + 14) + 70,
      marginLeft: LABEL_WIDTH,
      marginRight: 60,
      marginBottom: 40,
      marginTop: 8,
      x: logAxis(points.map(({ ms }) => ms)),
      y: { domain: PHASES, label: null, axis: 'right', tickSize: 0 },
      fy: { domain: titles, label: null, axis: 'left', tickFormat: wrapped, padding: 0.16 },
      symbol: { domain: PERCENTILES.map(({ name }) => name), range: PERCENTILES.map(({ symbol }) => symbol) },
      marks: [
        Plot.link(spans, { x1: 'low', x2: 'high', ...at, stroke: COLOURS.quiet, strokeOpacity: 0.6, strokeWidth: 1.5 }),
        Plot.dot(points, {
          x: 'ms',
          ...at,
          symbol: 'percentile',
          r: 4,
          fill: COLOURS.ok,
          stroke: 'var(--surface, #fffefc)',
          strokeWidth: 1,
        }),
      ],
    },
  }
}

function pointsOf({ title, figures: { latencyMs } }: Measured): Point[] {
  return PHASES.flatMap((phase) =>
    PERCENTILES.flatMap(({ name, of }) => {
      const latency = latencyMs[phase]
      const ms = latency === undefined ? undefined : of(latency)
      return ms === undefined || ms <= 0 ? [] : [{ title, phase, percentile: name, ms }]
    }),
  )
}
