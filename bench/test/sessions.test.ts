/** That docs/stores/README.md has the table of the kept result, and how one store's cost is judged by another's. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import type { Blocks } from '../harness/experiment.ts'
import { aimsFound } from '../sessions/aims.ts'
import type { RequestKind } from '../sessions/load.ts'
import { withSessions } from '../sessions/page.ts'
import type { SessionsResult } from '../sessions/result.ts'

const page = readFileSync(new URL('../../docs/stores/README.md', import.meta.url), 'utf8')
const kept = JSON.parse(readFileSync(new URL('../results/sessions.json', import.meta.url), 'utf8')) as SessionsResult

test('the page has the table of the kept result', (t) => {
  t.is(withSessions(page, kept), page)
  for (const { name, title } of kept.subjects) t.true(page.includes(`| ${title} `), name)
})

function turns(cpu: number) {
  const series = Array.from({ length: 8 }, (_, block) => ({
    // Each block is slower than the one before, which is no difference between the two.
    cpuMicrosPerRequest: cpu * (block + 1),
    p50Micros: 1,
    p99Micros: 1,
  }))
  return { read: series, write: series }
}

function found(hybrid: number) {
  const blocks: Blocks<RequestKind> = new Map([
    ['ninelives-memory', turns(100)],
    ['ninelives-hybrid', turns(hybrid)],
  ])
  return aimsFound(blocks).map(({ subject, ratio, is }) => [subject, ratio.median.toFixed(2), is])
}

test('an aim is judged where both stores were measured, block by block', (t) => {
  t.deepEqual(found(105), [['ninelives-hybrid', '1.05', 'reached']])
  t.deepEqual(found(115), [['ninelives-hybrid', '1.15', 'missed']])
})
