/** What the table of idle clusters says of goals and of a busy machine, and that bench/README.md has the table of the kept result. */
import { existsSync, readFileSync } from 'node:fs'
import test from 'ava'
import { environment } from '../harness/environment.ts'
import { BARE, type IdleCost, idleMarkdown, type IdleResult, withIdle } from '../idle/result.ts'

const KEPT = new URL('../results/idle.json', import.meta.url)
const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

const cost = (name: string, cpuMsPerSecond: number): IdleCost => ({ name, cpuMsPerSecond, wakeUpsPerSecond: 10 })

function result(nodeMs: number, othersShare = 0): IdleResult {
  const costs = [
    cost('lab', 9),
    cost('ninelives-warde', 1),
    cost('balancer', 4),
    cost('node a', 1),
    cost('node b', nodeMs),
    cost('node c', 2),
  ]
  return {
    schema: 1,
    bench: 'idle',
    startedAt: '2026-11-30T00:00:00.000Z',
    environment: { ...environment(undefined, {}), busy: false },
    nodes: 3,
    seconds: 60,
    rows: [
      { title: BARE, costs: [cost(BARE, 2.5)], othersShare: 0 },
      { title: 'redis', costs: [...costs, cost('redis-server', 3)], othersShare },
    ],
  }
}

test('a node is the median of the nodes, and the processes of the lab are no part of the table', (t) => {
  const table = idleMarkdown(result(3))
  t.regex(table, /^\| redis +\| 2\.0 \(10\) +\| 4\.0 \(10\) +\| 3\.0 \(10\) +\|$/m)
  t.regex(table, /^\| a bare Node server, probed as often \| 2\.5 \(10\) +\| +\| +\|$/m)
})

test('a process over its goal is told, and by which strategy', (t) => {
  t.regex(idleMarkdown(result(3)), /the balancer 5: every process reached that\./)
  t.regex(idleMarkdown(result(3.1)), /the balancer 5: missed by a process of redis\./)
})

test('times of a busy machine are not to be quoted', (t) => {
  t.regex(idleMarkdown(result(3, 0.5)), /Times are not to be quoted: others had 50 % of the machine/)
})

test('the page has the table of the kept result, or none', (t) => {
  if (existsSync(KEPT)) t.is(withIdle(page, JSON.parse(readFileSync(KEPT, 'utf8')) as IdleResult), page)
  else t.regex(page, /<!-- idle -->\n\n<!-- \/idle -->/)
})
