/** Two runs side by side, and the table of the README. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { seededRandom } from '@ninelives/lab'
import test from 'ava'
import { compareRuns, unpairedRatio } from '../report/compare.ts'
import { compareTable } from '../report/compare-table.ts'
import { headline, pagesWithHeadline, withHeadline } from '../report/headline.ts'
import type { BenchResult } from '../result.ts'
import { sampleResult } from './fixtures/strategies-result.ts'

const RESULTS = new URL('../results/', import.meta.url)

function slower(result: BenchResult, by: number): BenchResult {
  return {
    ...result,
    strategies: result.strategies.map((entry) => ({
      ...entry,
      ...(entry.kills && { kills: entry.kills.map((kill) => ({ ...kill, outageMs: kill.outageMs * by })) }),
    })),
  }
}

test('runs of the same system show no difference, and a three times slower one does', (t) => {
  const base = sampleResult()
  const same = compareRuns(base, sampleResult({ seed: 9 })).rows
  t.is(same.length, 30)
  t.deepEqual([...new Set(same.map(({ finding }) => finding))], ['no difference shown'])
  const outages = compareRuns(base, slower(base, 3)).rows.filter(({ figure }) => figure === 'Outage')
  t.is(outages.length, 6)
  for (const { ratio, finding } of outages) {
    t.is(finding, 'more')
    t.true(ratio.low < 3 && ratio.high > 3)
  }
})

test('only figures of both runs are compared, and the others are named', (t) => {
  const base = sampleResult({ scenarios: ['half and half', 'tabs'] })
  const other = sampleResult({ scenarios: ['tabs'] })
  const { losses, unpaired } = compareRuns(base, other)
  t.deepEqual([...new Set(losses.map(({ scenario }) => scenario))], ['tabs'])
  t.true(unpaired.includes('replicated (half and half)'))
  t.false(unpaired.some((name) => name.startsWith('nginx')))
  const none = { ...base, strategies: [] }
  t.regex(compareTable(none, other), /no strategy in the same scenario in common/)
})

test('the cautions name differences between the runs, and their doubts', (t) => {
  const base = sampleResult({ kills: 6 })
  const other = { ...sampleResult({ kills: 7 }), doubts: ['the machine was busy'] }
  const { cautions } = compareRuns(base, { ...other, environment: { ...other.environment, cores: 8 } })
  t.deepEqual(cautions, [
    'The other run is not to be quoted: the machine was busy',
    'Different cores: 2 and 8',
    'Different kills: 6 and 7',
  ])
})

test('with few blocks there is no finding, however large the difference', (t) => {
  const base = sampleResult({ kills: 3 })
  t.deepEqual([...new Set(compareRuns(base, slower(base, 50)).rows.map(({ finding }) => finding))], ['too few blocks'])
})

test('excluded faults are in no comparison', (t) => {
  const base = sampleResult()
  const spoiled = slower(base, 1_000)
  const excluded = spoiled.strategies.map((entry) => ({
    ...entry,
    ...(entry.kills && {
      kills: [
        ...entry.kills.map((kill) => ({ ...kill, excluded: 'busy' })),
        ...(base.strategies.find(({ name }) => name === entry.name)?.kills ?? []),
      ],
    }),
  }))
  for (const { figure, ratio } of compareRuns(base, { ...spoiled, strategies: excluded }).rows) {
    if (figure === 'Outage') t.is(ratio.median, 1)
  }
})

test('the ratio of medians has its interval from both runs', (t) => {
  const ratio = unpairedRatio([2, 4, 6, 8, 10, 12], [1, 2, 3, 4, 5, 6], seededRandom(1))
  t.is(ratio.median, 2)
  t.is(ratio.blocks, 6)
  t.true(ratio.low < 1.5 && ratio.high > 2.5)
})

test('the table names each strategy with its ratio and finding', (t) => {
  const text = compareTable(sampleResult(), slower(sampleResult(), 3))
  t.regex(text, /sticky · half and half +Outage ms +426 +1,278 +3\.00× \([\d.]+–[\d.]+\) +▲ more/)
  t.regex(text, /sticky · half and half +341 of 1,035 +341 of 1,035/)
  t.regex(text, /The runs were at different times/)
  t.notRegex(text, /NaN|undefined|Infinity/)
})

test('the table replaces the text between the markers of the README, and nothing else', (t) => {
  const [BEGIN, END] = ['<!-- headline -->', '<!-- /headline -->']
  const readme = `# before\n\n${BEGIN}\nold\n${END}\n\nafter\n`
  const made = withHeadline(readme, sampleResult())
  t.is(made, `# before\n\n${BEGIN}\n\n${headline(sampleResult())}\n\n${END}\n\nafter\n`)
  t.is(withHeadline(made, sampleResult()), made)
  t.throws(() => withHeadline('# no markers', sampleResult()), { message: /has no <!-- headline -->/ })
})

test('the headline shows losses with their totals, and the bound of no loss', (t) => {
  const rows = headline(sampleResult()).split('\n')
  t.is(rows.length, 9)
  t.regex(
    rows[2] ?? '',
    /^\| replicated +\| none \(≤ 15 % of faults\) +\| none \(≤ 15 % of faults\) +\| 24\.8 \(19\.8–34\.4\) +\|/,
  )
  t.regex(rows[4] ?? '', /^\| sticky +\| 32\.9 % \(341 of 1,035\) +\| 0\.107 % \(29 of 26,977\)/)
  t.regex(rows[8] ?? '', /^20 faults a strategy in “half and half”, 2 × Sample processor/)
  t.is(new Set(rows.slice(0, 7).map(({ length }) => length)).size, 1)
  const [, , none] = headline(sampleResult({ kills: 1 })).split('\n')
  t.regex(none ?? '', /none in 1 fault /)
  t.regex(headline({ ...sampleResult(), doubts: ['busy'] }), /Not to be quoted/)
})

/** The newest full run in results/. */
function kept(): BenchResult | undefined {
  const paths = readdirSync(RESULTS, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /(^|\/)result\.json$/.test(path),
  )
  return paths
    .map((path) => JSON.parse(readFileSync(new URL(path, RESULTS), 'utf8')) as BenchResult)
    .filter(({ bench, options }) => bench === 'strategies' && !options.quick)
    .sort((one, other) => one.startedAt.localeCompare(other.startedAt))
    .at(-1)
}

test('the tables of docs/explanation/costs.md and of its Korean page come from the kept result', (t) => {
  const result = kept()
  assert(result, 'bench/results has no full run of npm run bench')
  for (const [path, page] of pagesWithHeadline(result)) {
    const text = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
    t.is(text, page, `node bench/report/headline.ts RESULT.json makes ${path} again`)
  }
})
