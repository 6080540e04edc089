/** One scenario: losses, faults, waits, latencies, costs, and ratios with the A/A row. */
import type { BenchResult, StrategyResult } from '../../result.ts'
import { killsChart } from '../charts/kills.ts'
import { latencyChart } from '../charts/latency.ts'
import { outagesChart } from '../charts/outages.ts'
import { type Ratio, ratioCharts } from '../charts/ratios.ts'
import { chartFigure } from '../drawing/drawing.ts'
import { plural } from '../drawing/figures.ts'
import { html, type Markup } from '@ninelives/lab'
import { comparisonsOf, contestants, countedKills, faultsOf, isMeasured } from '../drawing/reading.ts'
import { COMPARED, costTable, latencyTable, lossTable, outageTable, ratioTable } from './tables.ts'

export const HOLLOW = html`Hollow: the interval contains 1, or there are too few blocks. Logarithmic.`

/** Each part has its own heading. */
export function scenarioParts(result: BenchResult, scenario: string): Markup {
  const entries = contestants(result, scenario)
  const measured = entries.filter(isMeasured)
  const faulted = measured.filter(({ figures }) => figures.kills > 0)
  return html`
    <h3>What was lost</h3>
    ${lossTable(scenario, entries)}
    <h3>The faults, overlaid</h3>
    <p class="lead">
      Each thin line is a fault that counts, with second 0 at the instant it landed; the thick line is the median over
      faults, and the ribbon the middle half of them.
    </p>
    ${overlays(entries)}
    <h3>How long users waited</h3>
    <div class="stack">
      ${faulted.length === 0 ? undefined : chartFigure(outagesChart(faulted, scenario), html`Each dot is one fault; the line is the median, the bar its 95 % interval. Logarithmic.`)}
      ${outageTable(scenario, entries)}
    </div>
    <h3>Latency before, in and after the outage</h3>
    <div class="stack">
      ${faulted.length === 0 ? undefined : chartFigure(latencyChart(faulted, scenario), html`● p50, ■ p99, ▲ p99.9, from the due time. Logarithmic.`)}
      ${latencyTable(scenario, measured)}
    </div>
    <h3>What it costs</h3>
    ${costTable(scenario, entries)}
    <h3>Compared, and A/A</h3>
    ${ratios(result, scenario)}
  `
}

function overlays(entries: readonly StrategyResult[]): Markup {
  const charts = faultsOf(entries).flatMap((fault) =>
    entries.flatMap((entry) => {
      const chart = killsChart(entry, fault)
      const { length } = countedKills(entry).filter((kill) => kill.fault === fault)
      return chart === undefined
        ? []
        : [chartFigure(chart, html`Answered well, by due time; ${plural(length, `${fault} fault`)}`)]
    }),
  )
  return charts.length === 0 ? html`<p>No fault landed that counts.</p>` : html`<div class="charts">${charts}</div>`
}

function ratios(result: BenchResult, scenario: string): Markup {
  const compared = comparisonsOf(result, scenario)
  if (compared.length === 0) return html`<p>There was nothing to compare.</p>`
  const titled = (name: string): string =>
    result.strategies.find((each) => each.name === name && each.scenario === scenario)?.title ?? name
  const drawn = compared.map(({ strategy, figure, ratio, finding, isAgain }): Ratio => ({
    label: isAgain ? `A/A: ${titled(strategy)}` : titled(strategy),
    figure: COMPARED[figure],
    ratio,
    finding,
  }))
  const base = titled(compared[0]?.base ?? '')
  return html`<div class="stack">
    <p class="lead">
      Each figure over that of ${base}, within blocks. A/A compares ${base} with itself: where its interval leaves out
      1, the machine was too restless.
    </p>
    <div class="charts">${ratioCharts(scenario, drawn, base).map((chart) => chartFigure(chart, HOLLOW))}</div>
    ${ratioTable(scenario, compared, titled)}
  </div>`
}
