/** Every fault as a dot: the longest time without a good answer to any user. */
import * as Plot from '@observablehq/plot'
import { type Chart, COLOURS } from '../drawing/drawing.ts'
import { milliseconds, withInterval } from '../drawing/figures.ts'
import { countedKills, type Measured } from '../drawing/reading.ts'
import { slug } from '../drawing/slug.ts'
import { wrapped } from './labels.ts'
import { logAxis } from './scale.ts'

const ROW_HEIGHT = 46
const WIDTH = 680
const LABEL_WIDTH = 150
/** The shortest outage on the logarithmic axis. */
const SHORTEST_MS = 1

export function outagesChart(entries: readonly Measured[], scenario: string): Chart {
  const shown = entries.filter(({ figures }) => figures.kills > 0)
  const dots = shown.flatMap((entry) =>
    countedKills(entry).map(({ outageMs }) => ({ title: entry.title, ms: Math.max(SHORTEST_MS, outageMs) })),
  )
  const middles = shown.map(({ title, figures: { outageMs } }) => ({
    title,
    low: Math.max(SHORTEST_MS, outageMs.p50.low),
    median: Math.max(SHORTEST_MS, outageMs.p50.median),
    high: Math.max(SHORTEST_MS, outageMs.p50.high),
    words: milliseconds(outageMs.p50.median),
  }))
  return {
    heading: 'The longest time without a good answer',
    id: slug('outages', scenario),
    title: `The longest time without a good answer, each fault a dot: ${scenario}`,
    description: shown
      .map(
        ({ title, figures: { outageMs } }) =>
          `${title}: median ${withInterval(outageMs.p50)} ms, longest ${milliseconds(outageMs.max)}`,
      )
      .join('; '),
    options: {
      width: WIDTH,
      height: shown.length * ROW_HEIGHT + 60,
      marginLeft: LABEL_WIDTH,
      marginRight: 56,
      marginTop: 26,
      marginBottom: 40,
      x: logAxis(dots.map(({ ms }) => ms)),
      y: { domain: shown.map(({ title }) => title), label: null, tickSize: 0, tickFormat: wrapped },
      marks: [
        Plot.link(middles, {
          x1: 'low',
          x2: 'high',
          y: 'title',
          stroke: COLOURS.ok,
          strokeWidth: 12,
          strokeOpacity: 0.35,
        }),
        Plot.dot(dots, { x: 'ms', y: 'title', r: 3.2, fill: 'currentColor', fillOpacity: 0.3 }),
        Plot.tickX(middles, {
          x: 'median',
          y: 'title',
          stroke: COLOURS.ok,
          strokeWidth: 2.5,
          insetTop: 8,
          insetBottom: 8,
        }),
        Plot.text(middles, {
          x: 'median',
          y: 'title',
          text: 'words',
          dy: -16,
          fontSize: 11,
          fontWeight: 650,
          fill: COLOURS.ok,
        }),
      ],
    },
  }
}
