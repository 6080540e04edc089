/** Two runs side by side, as a page. It needs the packages that `index.ts` installs. */
import type { BenchResult } from '../result.ts'
import { type Ratio, ratioCharts } from './charts/ratios.ts'
import { compareRuns, type PairedFigure, type PairedLoss, type RunsCompared } from './compare.ts'
import { DRIFT } from './compare-table.ts'
import { chartFigure } from './drawing/drawing.ts'
import { count, FINDING_SIGNS, outOf, plural, rounded, times } from './drawing/figures.ts'
import { embeddedJson, html, type Markup } from '@ninelives/lab'
import { HOLLOW } from './parts/scenario.ts'
import { table } from './parts/table.ts'
import { environmentList } from './parts/words.ts'
import { doubtsNote, shell } from './shell.ts'
import { slug } from './drawing/slug.ts'

export function compareHtml(base: BenchResult, other: BenchResult): string {
  const compared = compareRuns(base, other)
  const scenarios = [...new Set(compared.losses.map(({ scenario }) => scenario))]
  return shell({
    title: 'ninelives: two runs side by side',
    about: html`Base: ${nameOf(base)}. Other: ${nameOf(other)}. ${DRIFT}`,
    main: html`
      ${doubtsNote('Read with care.', compared.cautions)} ${answerSection(compared)}
      ${scenarios.map((scenario) => scenarioSection(compared, scenario))}
      <section aria-labelledby="environment">
        <h2 id="environment">Where, and with what</h2>
        <h3>Base</h3>
        ${environmentList(base)}
        <h3>Other</h3>
        ${environmentList(other)}
      </section>
    `,
    data: html`<script type="application/json" id="result">
      ${embeddedJson({ base, other })}
    </script>`,
  })
}

function nameOf({ startedAt, environment: { commit } }: BenchResult): string {
  return `${startedAt.slice(0, 16).replace('T', ' ')}, commit ${commit.slice(0, 10)}`
}

function answerSection({ rows, losses, unpaired }: RunsCompared): Markup {
  const of = (finding: PairedFigure['finding']): number => rows.filter((row) => row.finding === finding).length
  return html`<section class="answer" aria-labelledby="answer">
    <h2 id="answer">The answer</h2>
    <p>
      ${plural(losses.length, 'strategy', 'strategies')} in common, ${plural(rows.length, 'figure')} compared: no
      difference shown in ${count(of('no difference shown'))}, more in ${count(of('more'))}, less in
      ${count(of('less'))}, too few blocks to tell in ${count(of('too few blocks'))}.
    </p>
    ${unpaired.length === 0 ? undefined : html`<p>Only in one of the runs: ${unpaired.join(', ')}.</p>`}
  </section> `
}

function scenarioSection({ rows, losses }: RunsCompared, scenario: string): Markup {
  const id = slug('scenario', scenario)
  const here = rows.filter((row) => row.scenario === scenario)
  const ratios = here.map(({ title, figure, ratio, finding }): Ratio => ({ label: title, figure, ratio, finding }))
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">Scenario: ${scenario}</h2>
    <div class="stack">
      <div class="charts">
        ${ratioCharts(scenario, ratios, 'the base run').map((chart) => chartFigure(chart, HOLLOW))}
      </div>
      ${table(
        `Medians and their ratio: ${scenario}`,
        ['Strategy', 'Figure', 'Base', 'Other', 'Other ÷ base', 'Finding'],
        here.map(figureCells),
      )}
      ${table(
        `What was lost: ${scenario}`,
        ['Strategy', 'Sessions, base', 'Other', 'Writes, base', 'Other', 'Faults, base', 'Other'],
        losses.filter((loss) => loss.scenario === scenario).map(lossCells),
      )}
    </div>
  </section> `
}

function figureCells({ title, figure, unit, base, other, ratio, finding }: PairedFigure): string[] {
  const value = (number: number): string => `${rounded(number)}${unit === '' ? '' : ` ${unit}`}`
  return [title, figure, value(base), value(other), times(ratio), FINDING_SIGNS[finding]]
}

function lossCells({ title, base, other }: PairedLoss): string[] {
  return [
    title,
    outOf(base.sessions.lost, base.sessions.exposed),
    outOf(other.sessions.lost, other.sessions.exposed),
    outOf(base.writes.lost, base.writes.acknowledged),
    outOf(other.writes.lost, other.writes.acknowledged),
    count(base.kills),
    count(other.kills),
  ]
}
