/** The report of the strategies' bench shows the result, and text of a result never becomes markup. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { installPackages } from '../harness/peers.ts'
import { keptMatrix } from '../matrix/publish.ts'
import type { compareHtml } from '../report/compare-page.ts'
import type { reportHtml } from '../report/page.ts'
import type { BenchResult, StrategyFigures, StrategyResult } from '../result.ts'
import { sampleResult } from './fixtures/strategies-result.ts'

const HOSTILE = `</script><script>alert("1")</script><img src=x onerror='alert(2)'>&amp;<!--`

let page: { reportHtml: typeof reportHtml }
let comparing: { compareHtml: typeof compareHtml }

test.before('the packages that draw the charts are installed', async (t) => {
  t.timeout(110_000, 'npm ci in bench/report')
  await installPackages('report', (text) => t.log(text))
  page = await import('../report/page.ts')
  comparing = await import('../report/compare-page.ts')
})

const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found = '']) => found)

/** The visible text. */
function words(html: string): string {
  return html
    .replaceAll(/<(script|style|desc|title)\b.*?<\/\1>/gs, ' ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
}

function raw(html: string): unknown {
  const [json = ''] = matches(html, /<script type="application\/json" id="result">(.*?)<\/script>/gs)
  return JSON.parse(json)
}

function withStrategy(
  result: BenchResult,
  name: string,
  change: (entry: StrategyResult) => StrategyResult,
): BenchResult {
  return { ...result, strategies: result.strategies.map((entry) => (entry.name === name ? change(entry) : entry)) }
}

function withFigures(result: BenchResult, name: string, change: Partial<StrategyFigures>): BenchResult {
  return withStrategy(result, name, (entry) => ({
    ...entry,
    ...(entry.figures && { figures: { ...entry.figures, ...change } }),
  }))
}

/** The defects of a page, whatever it shows. */
function faultsOfPage(html: string): string[] {
  const ids = matches(html, / id="([^"]*)"/g)
  const outside = html.replaceAll(/<script type="application\/json".*?<\/script>/gs, '')
  const references = matches(outside, / (?:href="#|aria-labelledby=")([^"]*)"/g).flatMap((each) => each.split(' '))
  const levels = matches(outside, /<h([1-6])\b/g).map(Number)
  return [
    ...ids.filter((id, place) => ids.indexOf(id) !== place).map((id) => `id ${id} twice`),
    ...references.filter((id) => !ids.includes(id)).map((id) => `nothing is called ${id}`),
    ...levels.filter((level, place) => level > (levels[place - 1] ?? 0) + 1).map((level) => `h${level} after a gap`),
    ...matches(outside, /(<table>(?!\s*<caption>))/g).map(() => 'a table without a caption'),
    ...matches(outside, /(<th(?! scope=)[\s>])/g).map(() => 'a th without its scope'),
    ...matches(outside, /<svg xmlns[^>]*>(?!<title)(.)/g).map(() => 'a chart without its title'),
    ...matches(words(html), /\b(NaN|undefined|Infinity|null|\[object)\b/g).map((each) => `${each} on the page`),
    ...matches(outside, /<svg[^>]*>.*?(NaN|undefined|Infinity).*?<\/svg>/gs).map((each) => `${each} in a chart`),
    ...matches(outside, /( (?:src|href)="(?!#)[^"]*")/g).map((each) => `from elsewhere: ${each}`),
  ]
}

test('the answer is on top, with the bound of no loss', (t) => {
  const text = words(page.reportHtml(sampleResult()))
  t.regex(
    text,
    /Lost: replicated, redis and HAProxy, koa-session with ten lines over Redis lost no session and no acknowledged write in 20 faults each \(so a loss in up to 15 % of the faults is not ruled out\); memory lost 95 % of the sessions that were open/,
  )
  t.regex(text, /against replicated, longer on sticky 30\.\d\d× .* no difference shown on memory and redis\./)
  t.regex(text, /Cost: of CPU time a request, with nothing broken, against replicated, less on memory/)
})

test('every page has unique ids, ordered headings and captions, and no undefined values or external references', (t) => {
  const scenarios = ['half and half', 'tabs']
  for (const sample of [{}, { kills: 1 }, { kills: 3 }, { scenarios, kills: 6, faults: ['kill', 'pause'] }]) {
    t.deepEqual(faultsOfPage(page.reportHtml(sampleResult(sample))), [], JSON.stringify(sample))
  }
  t.deepEqual(faultsOfPage(comparing.compareHtml(sampleResult({ kills: 7 }), sampleResult({ kills: 6, seed: 2 }))), [])
})

test('the picture of the matrix and the answer come before what doubts them', (t) => {
  const matrix = keptMatrix()
  const html = page.reportHtml({ ...sampleResult(), doubts: ['the machine was busy'] }, { matrix })
  const places = ['id="matrix"', 'id="answer"', 'class="doubts"', 'id="matrix-all"'].map((each) => html.indexOf(each))
  t.true(places.every((place) => place > 0))
  t.deepEqual(
    places.toSorted((one, other) => one - other),
    places,
  )
  const astray = faultsOfPage(html).filter((each) => each.startsWith('nothing is called'))
  t.deepEqual(astray, [], 'each cell that is a link leads to its proof')
})

test('a single fault rules out nothing and compares nothing', (t) => {
  const text = words(page.reportHtml(sampleResult({ kills: 1 })))
  t.regex(text, /in 1 fault each \(too few faults to rule anything out\)/)
  t.regex(text, /too few blocks to tell on memory, sticky, redis/)
  t.notRegex(text, /(less|more|longer|shorter) on/)
})

test('the result is inside the page as it is, and no name in it becomes markup', (t) => {
  const sample = sampleResult({ kills: 6 })
  const hostile = withStrategy({ ...sample, doubts: [HOSTILE] }, 'sticky', ({ kills = [], ...entry }) => ({
    ...entry,
    title: HOSTILE,
    scenario: 'half and half',
    kills: kills.map((kill) => Object.assign(kill, { fault: HOSTILE })),
  }))
  const html = page.reportHtml(hostile)
  t.deepEqual(raw(html), JSON.parse(JSON.stringify(hostile)))
  t.deepEqual(faultsOfPage(html), [])
  t.is(matches(html, /(<script\b)/g).length, 2)
  t.is(matches(html, /(<img\b)/g).length, 0)
  t.true(html.includes('&lt;img src=x onerror=&#39;alert(2)&#39;&gt;&amp;amp;'))
})

test('missing and excluded parts are in no figure, and are listed with the reason', (t) => {
  const result = withStrategy(sampleResult(), 'redis', ({ name, title, scenario, role }) => ({
    name,
    title,
    scenario,
    role,
    blocks: [],
    kills: [],
  }))
  const html = page.reportHtml(result)
  const text = words(html)
  t.deepEqual(faultsOfPage(html), [])
  t.regex(text, /all of it nginx is not on this machine: apt-get install nginx/)
  t.regex(text, /kill, block 4 the generator lagged by 14 ms at p99/)
  t.regex(text, /redis (– not measured ){9}/)
  t.notRegex(text, /redis lost no session|redis and HAProxy/)
})

test('a run in which nothing was measured says so', (t) => {
  const sample = sampleResult()
  const empty = {
    ...sample,
    comparisons: [],
    strategies: sample.strategies.filter(({ missing }) => missing !== undefined),
  }
  const html = page.reportHtml(empty)
  t.deepEqual(faultsOfPage(html), [])
  t.regex(words(html), /Nothing was measured, so there is no answer\./)
  t.regex(words(page.reportHtml({ ...empty, strategies: [] })), /Nothing was measured/)
})

test('an unknown verdict never counts as valid', (t) => {
  const result = withFigures(sampleResult(), 'redis', { verdict: 'unknown', verdictDoubts: ['a fault did not land'] })
  const text = words(page.reportHtml(result))
  t.regex(text, /Lost: replicated and HAProxy.*; of redis it is unknown\./)
  t.regex(text, /\? unknown a fault did not land/)
})

test('a strategy that lost nothing and was invalid is told with what it showed', (t) => {
  const result = withFigures(sampleResult(), 'redis', {
    verdict: 'invalid',
    anomalies: { resurrection: 3, 'stale-read': 1 },
  })
  t.regex(
    words(page.reportHtml(result)),
    /Lost: replicated and HAProxy.*?; redis lost none, but showed resurrection 3 times and stale-read 1 time; memory lost/,
  )
  const leaking = withFigures(sampleResult(), 'memory', { anomalies: { leak: 2, 'flapping-session': 9 } })
  t.regex(
    words(page.reportHtml(leaking)),
    /memory lost 95 % of the sessions that were open.{0,60}, and showed leak 2 times;/,
  )
})

test('where no write was acknowledged, none is said to be kept', (t) => {
  const result = withFigures(sampleResult(), 'redis', { writes: { acknowledged: 0, lost: 0, duplicated: 0 } })
  t.regex(
    words(page.reportHtml(result)),
    /Lost: replicated and HAProxy.*? lost no session and no acknowledged write in .*?; redis lost no session in 20 faults \(/,
  )
})

test('doubts and an A/A row that differs from itself stand right after the answer', (t) => {
  const sample = sampleResult()
  const restless = sample.comparisons.map((each) => (each.isAgain ? { ...each, finding: 'more' as const } : each))
  const text = words(page.reportHtml({ ...sample, comparisons: restless, doubts: ['the machine was busy'] }))
  t.regex(
    text,
    /The answer Lost: .* This run is not to be quoted\. the machine was busy The base differs from itself in an A\/A row/,
  )
  t.notRegex(words(page.reportHtml(sample)), /not to be quoted/)
})

test('the same result makes the same page, also by the command', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const result = sampleResult({ kills: 6 })
  const path = join(directory, 'result.json')
  writeFileSync(path, JSON.stringify(result))
  const command = fileURLToPath(new URL('../report/index.ts', import.meta.url))
  const made = spawnSync(process.execPath, [command, path], { encoding: 'utf8' })
  t.is(made.status, 0, made.stderr)
  t.is(readFileSync(join(directory, 'report.html'), 'utf8'), page.reportHtml(result))

  writeFileSync(path, '{"schema": 2}')
  const refused = spawnSync(process.execPath, [command, path], { encoding: 'utf8' })
  t.is(refused.status, 2)
  t.regex(refused.stderr, /is not a result of npm run bench with schema 1/)
})

test('an atlas is shown, and anything else is left out', (t) => {
  const cell = { operation: 'login', point: 'before-commit', state: 'landed', done: 0, lost: ['lost-session'] }
  const atlas = { schema: 1, run: 'x', seed: 3, charts: [{ strategy: 'sticky', cells: [cell] }] }
  const html = page.reportHtml(sampleResult({ kills: 2 }), { atlas })
  t.deepEqual(faultsOfPage(html), [])
  t.regex(words(html), /Crash points: sticky .* login .*lost-session/)
  t.notRegex(words(page.reportHtml(sampleResult({ kills: 2 }), { atlas: { schema: 9 } })), /Crash points/)
})

test('the costs of a run beside it are shown, and anything else is left out', (t) => {
  const cost: unknown = JSON.parse(readFileSync(new URL('../results/cost.json', import.meta.url), 'utf8'))
  const html = page.reportHtml(sampleResult({ kills: 2 }), { cost })
  t.deepEqual(faultsOfPage(html), [])
  t.regex(words(html), /What a cluster costs idle, and what a request adds .* A day, in hours of one core/)
  t.notRegex(words(page.reportHtml(sampleResult({ kills: 2 }), { cost: { schema: 9 } })), /costs idle/)
})
