/** A result as a page that explains itself. It needs the packages that `index.ts` installs. */
import type { Matrix } from '../matrix/result.ts'
import { matrixCells, matrixSection } from '../matrix/section.ts'
import type { BenchResult } from '../result.ts'
import { answer } from './answer.ts'
import { lossChart, LOST } from './charts/loss.ts'
import { chartFigure } from './drawing/drawing.ts'
import { listed, plural } from './drawing/figures.ts'
import { embeddedJson, html, type Markup } from '@ninelives/lab'
import { atlasSection } from './parts/atlas.ts'
import { costSection } from './parts/cost.ts'
import { scenarioParts } from './parts/scenario.ts'
import { table } from './parts/table.ts'
import { definitions, environmentList, method, notSaid } from './parts/words.ts'
import {
  differsFromItself,
  excluded,
  faultsOf,
  losses,
  type LossKind,
  missing,
  scenariosOf,
} from './drawing/reading.ts'
import { doubtsNote, shell } from './shell.ts'
import { slug } from './drawing/slug.ts'

const LOSS_KINDS: readonly LossKind[] = ['sessions', 'writes']

/** Results that stand beside it and are shown with it, where they are there. */
export interface Beside {
  readonly atlas?: unknown
  /** Of the same time; it comes first. */
  readonly matrix?: Matrix | undefined
  readonly cost?: unknown
}

export function reportHtml(result: BenchResult, { atlas, matrix, cost }: Beside = {}): string {
  const atlasPart = atlasSection(atlas)
  const costPart = costSection(cost)
  return shell({
    title: 'ninelives: which strategy, at what cost, losing what',
    about: about(result),
    main: html`
      ${matrix === undefined ? undefined : matrixSection(matrix)} ${answerSection(result)}
      ${doubtsNote('This run is not to be quoted.', doubts(result))} ${contents(result, atlasPart, costPart)}
      ${matrix === undefined ? undefined : matrixCells(matrix)} ${lossSection(result)} ${costPart}
      ${scenarioSections(result)} ${atlasPart} ${leftOut(result)}
      <section aria-labelledby="definitions">
        <h2 id="definitions">What each figure means</h2>
        ${definitions()}
      </section>
      <section aria-labelledby="method">
        <h2 id="method">How it was measured</h2>
        ${method(result)}
      </section>
      <section aria-labelledby="not-said">
        <h2 id="not-said">What was not measured</h2>
        ${notSaid()}
      </section>
      <section aria-labelledby="environment">
        <h2 id="environment">Where, and with what</h2>
        ${environmentList(result)}
      </section>
      <section aria-labelledby="raw">
        <h2 id="raw">The raw data</h2>
        <p class="lead">
          Every fault and every block is inside this page, in the element <code>#result</code>, as they stand in
          result.json. The page can be made again from it.
        </p>
        <p class="take" hidden><button type="button" id="save-result">Download result.json</button></p>
      </section>
    `,
    data: html`<script type="application/json" id="result">
      ${embeddedJson(result)}
    </script>`,
  })
}

function about({ strategies, options, startedAt, environment, seed }: BenchResult): Markup {
  const took = strategies.filter((entry) => entry.missing === undefined && entry.role !== 'again')
  return html`${plural(new Set(took.map(({ name }) => name)).size, 'strategy', 'strategies and peers')},
  ${plural(options.kills, 'fault')} of each kind, ${environment.cores} × ${environment.processor}, Node
  ${environment.node.replace('v', '')}; ${startedAt.slice(0, 10)}, seed ${seed}, commit
  ${environment.commit.slice(0, 10)}${options.quick ? html`; <strong>a quick run</strong>` : undefined}`
}

function doubts(result: BenchResult): string[] {
  const again = differsFromItself(result)
    ? ['The base differs from itself in an A/A row, so other differences may be noise too.']
    : []
  return [...result.doubts, ...again]
}

function answerSection(result: BenchResult): Markup {
  const [first, ...others] = scenariosOf(result)
  return html`<section class="answer" aria-labelledby="answer">
    <h2 id="answer">The answer</h2>
    ${answer(result).map((sentence) => {
      const [head = '', ...rest] = sentence.split(': ')
      return rest.length === 0 ? html`<p>${head}</p>` : html`<p><strong>${head}:</strong> ${rest.join(': ')}</p>`
    })}
    ${others.length === 0 ? undefined : html`<p>This is about “${first}”; ${listed(others)} below.</p>`}
  </section> `
}

function contents(result: BenchResult, atlas: Markup | undefined, cost: Markup | undefined): Markup {
  const links: readonly (readonly [string, string])[] = [
    ['loss', 'Loss'],
    ...(cost === undefined ? [] : [['cost', 'Idle and by request'] as const]),
    ...scenariosOf(result).map((scenario) => [slug('scenario', scenario), scenario] as const),
    ...(atlas === undefined ? [] : [['atlas', 'Crash points'] as const]),
    ['left-out', 'Left out'],
    ['definitions', 'Definitions'],
    ['method', 'Method'],
    ['not-said', 'Not measured'],
    ['environment', 'Environment'],
    ['raw', 'Raw data'],
  ]
  return html`<nav aria-label="On this page">
    <ul class="contents">
      ${links.map(([id, words]) => html`<li><a href="#${id}">${words}</a></li> `)}
    </ul>
  </nav> `
}

function lossSection(result: BenchResult): Markup {
  const charts = LOSS_KINDS.map((kind) => ({ kind, at: losses(result, kind) })).filter(({ at }) => at.length > 0)
  return html`<section aria-labelledby="loss">
    <h2 id="loss">What each fault loses</h2>
    <p class="lead">
      Where nothing was lost, the cell shows the bound that N faults prove: 3/N. A stronger violet means a larger loss.
    </p>
    <div class="wide">
      ${charts.map(({ kind, at }) => chartFigure(lossChart(at, kind), html`Share of the ${LOST[kind]}`))}
    </div>
    ${faultsOf(result.strategies).length === 0 ? html`<p>No fault was measured.</p>` : undefined}
  </section> `
}

/** The first is open; the others are folded, so that a page of many scenarios stays short. */
function scenarioSections(result: BenchResult): Markup[] {
  return scenariosOf(result).map((scenario, place) => {
    const id = slug('scenario', scenario)
    const heading = html`<h2 id="${id}">Scenario: ${scenario}</h2>`
    const parts = scenarioParts(result, scenario)
    const inside =
      place === 0
        ? html`${heading}${parts}`
        : html`<details>
            <summary>${heading}</summary>
            ${parts}
          </details>`
    return html`<section aria-labelledby="${id}">${inside}</section> `
  })
}

function leftOut(result: BenchResult): Markup {
  const rows = [
    ...missing(result).map(({ title, scenario, missing: why = '' }) => [title, scenario, 'all of it', why]),
    ...excluded(result).map(({ entry, what, why }) => [entry.title, entry.scenario, what, why]),
  ]
  return html`<section aria-labelledby="left-out">
    <h2 id="left-out">What was left out, and why</h2>
    <div class="words">
      ${
        rows.length === 0
          ? html`<p>Nothing: all measurements are in the figures.</p>`
          : table('In no figure', ['Strategy', 'Scenario', 'What', 'Why'], rows)
      }
    </div>
  </section> `
}
