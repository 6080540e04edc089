/** What the table of the largest clusters says, and that SCALE.md has the table of the kept result. */
import { existsSync, readFileSync } from 'node:fs'
import test from 'ava'
import { environment } from '../harness/environment.ts'
import { type ScaleResult, type ScaleRow, scaleMarkdown, withScale } from '../scale/result.ts'

const KEPT = new URL('../results/scale.json', import.meta.url)
const page = readFileSync(new URL('../../packages/sessions/SCALE.md', import.meta.url), 'utf8')

const CONNECTIONS: ScaleRow = { of: 'connections', connections: 10_000, bytesEach: 10_240 }

function result(...rows: readonly ScaleRow[]): ScaleResult {
  return {
    schema: 1,
    startedAt: '2026-11-30T00:00:00.000Z',
    environment: { ...environment(undefined, {}), busy: false },
    rows,
  }
}

test('a row says what was held, and one that failed what gave way', (t) => {
  const table = scaleMarkdown(result(CONNECTIONS, { of: 'failed', what: '10000 users, redis', why: 'no memory' }))
  t.regex(table, /^\| 10,000 idle keep-alive connections +\| +\| balancer 10\.0 KiB each +\|/m)
  t.regex(table, /^\| 10000 users, redis +\| +\| +\| gave way: no memory +\|$/m)
})

test('times of a busy machine are not to be quoted', (t) => {
  const busy = { ...result(CONNECTIONS), environment: { ...environment(undefined, {}), busy: true } }
  t.regex(scaleMarkdown(busy), /Times are not to be quoted: the machine was busy when this began/)
})

test('the page has the table of the kept result, or none', (t) => {
  if (existsSync(KEPT)) t.is(withScale(page, JSON.parse(readFileSync(KEPT, 'utf8')) as ScaleResult), page)
  else t.regex(page, /<!-- scale -->\n\n<!-- \/scale -->/)
})
