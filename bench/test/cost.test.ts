/** Idle and slope, what follows from them, and the tables of docs/explanation/costs.md. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'ava'
import { all, type CostContestant, type CostResult, costAt, figuresOf, type Parts, slope } from '../cost/result.ts'
import { costMarkdown, costRows, dayRows, withCost } from '../cost/table.ts'
import { KOREAN } from '../cost/words.ts'

const kept = JSON.parse(readFileSync(new URL('../results/cost.json', import.meta.url), 'utf8')) as CostResult
const page = readFileSync(new URL('../../docs/explanation/costs.md', import.meta.url), 'utf8')
const koreanPage = readFileSync(new URL('../../docs/ko/explanation/costs.md', import.meta.url), 'utf8')

const IDLE: Parts = { balancer: 3, node: 6, store: 1 }
/** Microseconds of a request. */
const ADDS: Parts = { balancer: 100, node: 300, store: 20 }

/** A cluster whose cost is a line, `scale` times as much as IDLE and ADDS. */
function contestant(name: string, scale = 1, blocks = 6): CostContestant {
  const part = (key: keyof Parts, rate: number): number => scale * (IDLE[key] + (ADDS[key] * rate) / 1_000)
  const parts = (rate: number): Parts => ({
    balancer: part('balancer', rate),
    node: part('node', rate),
    store: part('store', rate),
  })
  const loaded = [600, 100, 300].map((rate) => ({
    rate,
    perSecond: rate,
    msPerSecond: parts(rate),
    p50Ms: 1,
    p99Ms: 2,
  }))
  const turns = Array.from({ length: blocks }, () => ({ idle: parts(0), loaded, othersShare: 0 }))
  return { name, title: name, role: 'strategy', turns }
}

const result = (...contestants: readonly CostContestant[]): CostResult => ({ ...kept, contestants })

test('the slope of a line is what a request adds, and the cost at a rate follows from it', (t) => {
  const [turn] = contestant('redis').turns
  assert(turn)
  for (const [part, micros] of Object.entries(ADDS))
    t.is(Math.round(slope(turn, (parts) => parts[part as keyof Parts])), micros)
  t.is(Math.round(costAt(turn, 3_000)), 10 + 420 * 3)
  t.is(all(IDLE), 10)
})

test('the figures are compared with HAProxy in the same blocks', (t) => {
  const all = result(contestant('redis'), contestant('haproxy-plain', 0.5))
  const [ours] = all.contestants
  assert(ours)
  const { idleAll, addsAll, at, ratio } = figuresOf(all, ours)
  t.deepEqual(
    [idleAll, addsAll, ...at].map(({ median }) => Math.round(median)),
    [10, 420, 23, 136, 1_270],
  )
  t.is(ratio?.median.toFixed(2), '2.00')
  t.is(figuresOf(result(ours), ours).ratio, undefined)
})

const parts = (balancer: number): Parts => ({ balancer, node: 0, store: 0 })

test('the cost at a rate is what was measured there, and on the lines from one measurement to the next', (t) => {
  // Wakes up for each request at first, and for several at once later.
  const loaded = [
    [100, 40],
    [600, 90],
  ].map(([rate = 0, cost = 0]) => ({ rate, perSecond: rate, msPerSecond: parts(cost), p50Ms: 1, p99Ms: 2 }))
  const turn = { idle: parts(10), loaded }
  t.deepEqual(
    [0, 50, 100, 350, 600, 1_600].map((rate) => costAt(turn, rate)),
    [10, 25, 40, 65, 90, 190],
  )
  const { turns } = contestant('redis')
  const twelve = result({ ...contestant('redis'), turns: turns.map(() => turn) })
  // 19 ms/s at 30/s, and three times the idle cost of the balancer for nine more nodes: 49 ms/s.
  t.deepEqual(dayRows(twelve)[2]?.slice(0, 3), ['redis', '12', '1.2 h'])
})

test('a row tells the idle cost of each node, and a day is told for the nodes that share a store', (t) => {
  const both = result(contestant('redis', 1, 1), contestant('replicated', 1, 1))
  t.deepEqual(costRows(both)[0], ['redis', '3.0', '2.0', '1.0', '100', '300', '20', '23', '136', '1,270', '–'])
  const rows = dayRows(both)
  t.deepEqual(
    rows.slice(1).map(([title, nodes]) => `${title} ${nodes}`),
    ['redis 3', 'redis 12', 'replicated 3'],
  )
  // 10 ms/s and 30 × 420 µs are 22.6 ms/s; with 12 nodes balancer and nodes are idle four times as much.
  t.is(rows[1]?.[2], '0.5 h')
  t.is(rows[2]?.[2], '1.2 h')
})

test('the tables of costs in docs/explanation/costs.md come from the kept result', (t) => {
  t.is(page, withCost(page, kept), 'npm run bench:cost -- --table makes them again')
  t.is(koreanPage, withCost(koreanPage, kept, KOREAN), 'and the Korean ones')
  t.true(page.includes(costMarkdown(kept)))
  t.throws(() => withCost('no markers', kept), { message: /<!-- cost -->/ })
})

test('what is not to be quoted says so', (t) => {
  const busy = { ...contestant('redis').turns[0], othersShare: 0.5 } as CostContestant['turns'][number]
  const doubtful = { ...contestant('redis'), turns: Array.from({ length: 6 }, () => busy) }
  const quiet = { ...kept, environment: { ...kept.environment, busy: false } }
  const text = (contestant: CostContestant) => costMarkdown({ ...quiet, contestants: [contestant] })
  t.notRegex(text(contestant('redis')), /Not to be quoted/)
  t.regex(text(doubtful), /Not to be quoted: at times others had 50 % of the machine/)
  t.regex(text(contestant('redis', 1, 2)), /Not to be quoted: fewer than 6 blocks/)
})
