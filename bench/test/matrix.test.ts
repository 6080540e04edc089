/** The matrix: what a cell comes to, how it is drawn, and what is published. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findStrategy, type Strategy } from '@ninelives/lab'
import test from 'ava'
import { contestantOf } from '../harness/cluster-under-test.ts'
import { whyImpossible } from '../matrix/cell.ts'
import { columns } from '../matrix/columns.ts'
import { readMatrixOptions } from '../matrix/options.ts'
import { matrixPage } from '../matrix/page.ts'
import { linkedPicture, pictureSvg, sentenceOf } from '../matrix/picture.ts'
import { keptMatrix, PAGE, pictureFile, SCHEMES, withMatrix } from '../matrix/publish.ts'
import { type Cell, type CellFound, type Matrix, outcomesOf, withCellsOf } from '../matrix/result.ts'
import { keptCells } from '../matrix/run.ts'
import { sentencesOf } from '../matrix/sentences.ts'
import { matrixTable } from '../matrix/table.ts'
import { ENVIRONMENT, NOW } from './fixtures/strategies-blocks.ts'

const found: CellFound = {
  verdict: 'valid',
  doubts: [],
  faults: { landed: 10, missed: 0 },
  sessions: { begun: 50, lost: 0 },
  writes: { acknowledged: 400, lost: 0 },
  operations: 1_200,
  unserved: 0,
  anomalies: [],
  interleavings: {},
}

function cell(column: string, changes: Partial<CellFound>): Cell {
  return { row: 'redis', column, found: { ...found, ...changes } }
}

function anomaly(kind: string): CellFound['anomalies'][number] {
  return { kind, times: 3, text: '<b>it</b>', evidence: [], around: [] }
}

const lost = cell('kill', {
  verdict: 'invalid',
  sessions: { begun: 50, lost: 7 },
  unserved: 2,
  anomalies: [anomaly('lost-session'), anomaly('duplicate')],
})
const impossible: Cell = { row: 'redis', column: 'failover', impossible: 'there is no store server' }
const broken: Cell = { row: 'redis', column: 'drain', failed: 'node-a did not start' }

const matrix: Matrix = {
  schema: 1,
  bench: 'matrix',
  startedAt: '2026-01-02T03:04:05Z',
  environment: ENVIRONMENT,
  options: {
    faults: 10,
    rows: ['redis'],
    columns: ['tabs', 'kill', 'drain', 'failover'],
    users: 40,
    operationsPerSecond: 80,
    seed: 1,
  },
  rows: [{ name: 'redis', title: 'redis', role: 'strategy' }],
  cells: [cell('tabs', {}), lost, broken, impossible],
}

test('a loss, a doubling and a failure are told apart, the worst first', (t) => {
  t.deepEqual(outcomesOf(lost), ['lost', 'doubled', 'failed'])
  t.deepEqual(outcomesOf(cell('kill', { verdict: 'invalid', anomalies: [anomaly('visible-though-failed')] })), [
    'doubled',
  ])
  t.deepEqual(outcomesOf(cell('kill', { verdict: 'invalid', anomalies: [anomaly('stale-read')] })), ['wrong'])
  t.deepEqual(outcomesOf(cell('kill', { unserved: 4 })), ['failed'])
  t.deepEqual(outcomesOf(cell('kill', { verdict: 'unknown', doubts: ['it missed'] })), ['unknown'])
  t.deepEqual(outcomesOf(cell('kill', {})), ['kept'])
  t.deepEqual(outcomesOf(impossible), ['impossible'])
  t.deepEqual(outcomesOf(broken), ['unknown'])
})

test('each cell has its counts and its bound, and one that could not be says why', (t) => {
  t.regex(
    sentenceOf(lost),
    /10 faults landed; 7 of 50 sessions and 0 of 400 acknowledged writes lost; lost-session 3 times/,
  )
  t.regex(sentenceOf(cell('kill', {})), /so many faults bound a loss to 30 % of them/)
  t.is(sentenceOf(impossible), 'there is no store server')
  t.is(sentenceOf(broken), 'it did not run: node-a did not start')
})

test('the picture shows the counts in light and dark, and in a page each cell leads to its proof', (t) => {
  for (const scheme of SCHEMES) {
    const svg = pictureSvg(matrix, scheme)
    t.regex(svg, /7 of 50/)
    t.regex(svg, /did not run/)
    t.notRegex(svg, /href/)
  }
  t.not(pictureSvg(matrix, 'light'), pictureSvg(matrix, 'dark'))
  t.regex(linkedPicture(matrix, 'light').text, /<a href="#cell-redis-kill">/)
  const page = matrixPage(matrix)
  t.true(page.indexOf('id="matrix"') < page.indexOf('id="matrix-all"'), 'the picture is on top')
  t.regex(page, /<details id="cell-redis-kill">/)
  t.notRegex(page, /<b>it<\/b>/, 'text of a trace is text')
  const kept = keptMatrix()
  const ids = kept === undefined ? [] : [...matrixPage(kept).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  t.true(ids.some((id) => id?.startsWith('tip-')))
  t.is(new Set(ids).size, ids.length, 'no id is there twice')
})

function sentences(cells: Cell[]): string {
  return sentencesOf({ ...matrix, cells }).join('\n')
}

test('what the matrix says in sentences comes from its counts', (t) => {
  t.regex(
    sentences([cell('kill', {}), impossible]),
    /^Lost nothing: redis, in all faults of this matrix that can fall on them \(10 in total; of each kind alone, a loss in up to 30 % of its faults is not ruled out\)\.$/,
  )
  t.is(
    sentences([cell('kill', {}), impossible, broken]),
    '',
    'a contestant with a cell that did not run is not said to have kept everything',
  )
  const tabs = cell('tabs', {
    verdict: 'invalid',
    writes: { acknowledged: 400, lost: 40 },
    anomalies: [anomaly('lost-update')],
  })
  const twice = cell('crash-after', { verdict: 'invalid', anomalies: [anomaly('duplicate')] })
  const evicted = { ...lost, column: 'eviction' }
  const all = sentences([tabs, twice, evicted])
  t.regex(all, /^Lost to a second and third tab, without any fault: redis \(40 of 400 writes\)\.$/m)
  t.regex(all, /^Done twice, because a node died after the commit and before the answer: redis \(3 times\)\.$/m)
  t.regex(
    all,
    /^Lost when the store itself is killed, fails over or evicts: sessions or writes of redis\. Redis keeps nothing on disk here\.$/m,
  )
  t.notRegex(all, /Lost nothing/)
  const roundRobin = cell('tabs', {
    verdict: 'invalid',
    sessions: { begun: 50, lost: 40 },
    writes: { acknowledged: 60, lost: 50 },
  })
  t.notRegex(sentences([roundRobin]), /tab/, 'sessions are not lost to tabs')
})

test('the published matrix fits a terminal of 100 columns', (t) => {
  const kept = keptMatrix()
  if (kept === undefined) return t.fail('no matrix is kept')
  for (const line of matrixTable(kept).split('\n')) t.true(line.length <= 100, line)
})

test('in a terminal a cell is a word', (t) => {
  t.regex(matrixTable(matrix), /redis +kept +LOST\+twice +\? +-/)
})

function column(name: string): (typeof columns)[number] {
  return columns.find((each) => each.name === name) as (typeof columns)[number]
}

test('a fault that a contestant can not have is told before anything starts', (t) => {
  const sticky = contestantOf(findStrategy('sticky') as Strategy)
  const users = { users: 40 }
  t.is(whyImpossible(sticky, column('store-kill'), users), 'sticky: there is no store server that the lab starts')
  t.is(whyImpossible(sticky, column('kill'), users), undefined)
  t.regex(String(whyImpossible(sticky, column('partition'), users)), /nothing leads to another node or to a store/)
  t.is(
    whyImpossible(Object.assign({}, sticky, { missing: 'it needs haproxy' }), column('kill'), users),
    'it needs haproxy',
  )
})

test('the cells that had ended are kept, without one that was cut off', (t) => {
  const out = mkdtempSync(join(tmpdir(), 'ninelives-matrix-test-'))
  t.teardown(() => rmSync(out, { recursive: true, force: true }))
  const file = join(out, 'cells.ndjson')
  writeFileSync(file, `${JSON.stringify(lost)}\n`)
  appendFileSync(file, '{"row":"redis","col')
  t.deepEqual(keptCells(out), [lost])
  appendFileSync(file, `${JSON.stringify(impossible)}\n`)
  t.deepEqual(keptCells(out), [lost, impossible])
})

test('rows and columns are chosen by name, and a matrix continues with its own options', (t) => {
  const asked = readMatrixOptions(['--matrix', '--quick', '--rows', 'redis', '--out', 'x'], NOW)
  t.like(asked, { to: 'run', run: { faults: 2, rows: ['redis'] } })
  t.throws(() => readMatrixOptions(['--matrix', '--rows', 'valkey'], NOW), { message: /--rows takes one or more of/ })
  t.throws(() => readMatrixOptions(['--matrix', '--resume', 'x', '--kills', '3'], NOW), {
    message: /'--kills' does not go with --resume/,
  })
})

test('cells that were measured again take their place, with their time', (t) => {
  const startedAt = '2026-02-03T04:05:06Z'
  const again = { ...matrix, startedAt, cells: [cell('kill', {})] }
  t.deepEqual(withCellsOf(matrix, again)?.cells, [
    cell('tabs', {}),
    { ...cell('kill', {}), measuredAt: startedAt },
    broken,
    impossible,
  ])
  t.is(withCellsOf(matrix, { ...again, options: { ...matrix.options, faults: 2 } }), undefined)
  t.is(withCellsOf(matrix, { ...again, cells: [cell('moon', {})] }), undefined)
})

test("the README's picture, and the page that it leads to, come from the published matrix", (t) => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const kept = keptMatrix()
  t.is(readme, withMatrix(readme, kept), 'node bench/matrix/publish.ts makes it again')
  for (const scheme of SCHEMES) {
    const file = pictureFile(scheme)
    const drawn = existsSync(file) ? readFileSync(file, 'utf8') : undefined
    t.is(
      drawn,
      kept === undefined ? undefined : pictureSvg(kept, scheme),
      'node bench/matrix/publish.ts makes it again',
    )
  }
  const page = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : undefined
  t.true(page === (kept && matrixPage(kept)), 'node bench/matrix/publish.ts makes it again')
  t.regex(withMatrix(readme, matrix), /<!-- matrix -->\n\n<picture>/)
})
