/** All faults of one kind on one strategy, overlaid at the instant at which each landed. */
import * as Plot from '@observablehq/plot'
import { BIN_MS, type KillRecord, type StrategyResult } from '../../result.ts'
import { type Chart, COLOURS } from '../drawing/drawing.ts'
import { count, milliseconds, plural } from '../drawing/figures.ts'
import { countedKills } from '../drawing/reading.ts'
import { slug } from '../drawing/slug.ts'
import { AXIS } from './scale.ts'

interface Middle {
  readonly seconds: number
  readonly low: number
  readonly median: number
  readonly high: number
}

interface Point {
  readonly kill: number
  readonly seconds: number
  readonly percent: number
}

const WIDTH = 350
const HEIGHT = 190

/** Undefined when no such fault counts. */
export function killsChart(entry: StrategyResult, fault: string): Chart | undefined {
  const kills = countedKills(entry).filter((kill) => kill.fault === fault && kill.bins.length > 0)
  if (kills.length === 0) return undefined
  const points = kills.flatMap(pointsOf)
  const middles = middlesOf(points)
  const worst = Math.min(...middles.map(({ median }) => median))
  return {
    heading: entry.title,
    id: slug('kills', entry.scenario, entry.name, fault),
    title: `${entry.title}: good answers around ${plural(kills.length, `${fault} fault`)}`,
    description:
      `Share of operations with a good answer, by due time, in bins of ${BIN_MS} ms, with each of ` +
      `${count(kills.length)} faults at second 0. The median over faults is lowest at ${count(worst)} %; the longest time without ` +
      `a good answer was ${milliseconds(Math.max(...kills.map(({ outageMs }) => outageMs)))}.`,
    options: options(points, middles),
  }
}

function options(points: readonly Point[], middles: readonly Middle[]): Plot.PlotOptions {
  const at = { x: 'seconds' }
  return {
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 46,
    marginBottom: 36,
    marginTop: 8,
    x: { label: 'seconds from the fault', ...AXIS, ticks: 6 },
    y: {
      label: null,
      tickFormat: (percent: number) => `${percent} %`,
      domain: [0, 100],
      ticks: [0, 25, 50, 75, 100],
      grid: true,
    },
    marks: [
      Plot.areaY(middles, { ...at, y1: 'low', y2: 'high', fill: COLOURS.ok, fillOpacity: 0.28 }),
      Plot.lineY(points, {
        ...at,
        y: 'percent',
        z: 'kill',
        stroke: 'currentColor',
        strokeOpacity: 0.16,
        strokeWidth: 0.8,
      }),
      Plot.lineY(middles, { ...at, y: 'median', stroke: COLOURS.ok, strokeWidth: 2.2 }),
      Plot.ruleX([0], { stroke: COLOURS.failed, strokeDasharray: '3 3', strokeWidth: 1.4 }),
    ],
  }
}

/** Without bins in which nothing was due. */
function pointsOf({ bins }: KillRecord, kill: number): Point[] {
  return bins
    .filter(({ due }) => due > 0)
    .map(({ fromMs, due, ok }) => ({ kill, seconds: fromMs / 1_000, percent: (100 * ok) / due }))
}

/** The median over faults, and the half of them in the middle. */
function middlesOf(points: readonly Point[]): Middle[] {
  const bySecond = Map.groupBy(points, ({ seconds }) => seconds)
  return [...bySecond]
    .map(([seconds, at]) => {
      const sorted = at.map(({ percent }) => percent).sort((one, other) => one - other)
      return { seconds, low: quantile(sorted, 0.25), median: quantile(sorted, 0.5), high: quantile(sorted, 0.75) }
    })
    .sort((one, other) => one.seconds - other.seconds)
}

function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1)
  const below = sorted[Math.floor(place)] as number
  const above = sorted[Math.ceil(place)] as number
  return below + (above - below) * (place - Math.floor(place))
}
