/** From the blocks of `npm run bench` to its result: what counts, and what is compared. */
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { untilQuiet } from '../harness/processes/quiet.ts'
import test from 'ava'
import type { Measured } from '../strategies/faults/metrics.ts'
import type { TurnFound } from '../strategies/faults/turn.ts'
import { blocksOf, contestantsOf, planOf, scenariosOf } from '../strategies/options.ts'
import { strategiesResult } from '../strategies/run-result.ts'
import { entrantsOf, type FoundBlock, whyNot } from '../strategies/run.ts'
import { readResult } from '../report/read-result.ts'
import { strategiesTable } from '../strategies/table.ts'
import { blocks, head, kill, options, turn } from './fixtures/strategies-blocks.ts'

test('a full run is at least twenty kills a strategy, a quick one three, in turns of three', (t) => {
  t.true(options().kills >= 20)
  t.true(blocksOf(options()) >= 6)
  t.is(options('--quick').kills, 3)
  t.is(blocksOf(options('--quick')), 1)
  const twenty = options('--kills', '20')
  const kills = Array.from({ length: blocksOf(twenty) }, (_, index) => planOf(twenty, index + 1).kills)
  t.is(
    kills.reduce((sum, each) => sum + each, 0),
    20,
  )
})

test('an error lists the names that exist', (t) => {
  t.throws(() => options('--strategies', 'sticky,nothing'), {
    message: /takes .*replicated.*haproxy.*, not "sticky,nothing"/,
  })
  t.throws(() => options('--scenario', 'nothing'), {
    message: /takes .*half-and-half.*rolling-deploy.*, not "nothing"/,
  })
  t.throws(() => options('--nodes', '13'), { message: /1 to 12/ })
  t.throws(() => options('--colour'), { message: /--help/ })
})

test('differences are ratios within blocks, so that a drift of the machine is none', (t) => {
  const { comparisons } = strategiesResult(head(), blocks(7), 'later')
  const of = (strategy: string) =>
    comparisons.filter((each) => each.strategy === strategy && each.figure === 'outageMs')
  t.like(of('memory')[0], { base: 'sticky', finding: 'more', isAgain: false })
  t.like(of('memory')[0]?.ratio, { median: 2, low: 2, high: 2, blocks: 7 })
  t.like(of('sticky-again')[0], { finding: 'no difference shown', isAgain: true })
})

test('the first strategy is compared again with itself alone, or not at all', (t) => {
  const withoutFirst = blocks(7).map((each) =>
    Object.assign(each, { turns: Object.assign(each.turns, { sticky: { failed: 'died' } }) }),
  )
  const { comparisons, doubts } = strategiesResult(head('--strategies', 'sticky,memory,redis'), withoutFirst, 'later')
  t.deepEqual(
    comparisons.filter(({ isAgain, strategy }) => isAgain || strategy.endsWith('-again')),
    [],
  )
  t.false(doubts.some((doubt) => doubt.includes('differs from itself')))
})

test('with fewer than six blocks there is no finding, and the run is not to be quoted', (t) => {
  const { comparisons, doubts } = strategiesResult(head(), blocks(5), 'later')
  t.true(comparisons.every(({ finding }) => finding === 'too few blocks'))
  t.true(doubts.some((doubt) => doubt.includes('fewer than 6 blocks')))
})

const lagged = (block: number): Partial<Measured> =>
  block === 3 ? { outageMs: 9_999, sessionsLost: 60, excluded: 'the generator was 50 ms late at p99' } : {}

test('an excluded fault is in no time and no comparison, and is among the doubts; its losses count', (t) => {
  const { strategies, comparisons, doubts } = strategiesResult(head(), blocks(7, lagged), 'later')
  const [sticky] = strategies
  t.is(sticky?.figures?.kills, 7)
  t.is(sticky?.figures?.outageMs.max, 700)
  t.is(sticky?.figures?.sessions.lost, 60)
  t.is(sticky?.figures?.disturbed, undefined)
  t.is(sticky?.kills?.length, 7)
  t.is(comparisons.find(({ figure }) => figure === 'outageMs')?.ratio.blocks, 6)
  t.true(doubts.some((doubt) => /sticky: 1 of 7 faults.*50 ms late/.test(doubt)))
})

test('with every fault excluded the losses stand, and the times are marked', (t) => {
  const result = strategiesResult(
    head(),
    blocks(7, () => ({ excluded: 'busy' })),
    'later',
  )
  t.like(result.strategies[0]?.figures, { kills: 7, disturbed: true })
  t.regex(strategiesTable(result), /sticky .*~\d/)
  t.regex(strategiesTable(result), /~: the machine was busy in every turn; losses hold, times do not/)
})

function newestResult(): string {
  const results = fileURLToPath(new URL('../results', import.meta.url))
  const dated = readdirSync(results).filter((name) => /^\d{4}-\d\d-\d\d$/.test(name))
  return path.join(results, dated.toSorted().at(-1) ?? '', 'result.json')
}

test('the table fits a terminal of 100 columns', (t) => {
  const result = readResult(newestResult())
  const doubts = ['x '.repeat(90)]
  for (const line of strategiesTable({ ...result, doubts }).split('\n')) t.true(line.length <= 100, line)
})

const missed = (): Partial<Measured> => ({ target: 'unknown', excluded: 'it did not land' })

test('a fault that never landed is in no figure', (t) => {
  const result = strategiesResult(head(), blocks(7, missed), 'later')
  t.is(result.strategies[0]?.figures, undefined)
  t.regex(strategiesTable(result), /sticky .*no fault landed/)
})

test('a busy machine is told before the start, and a quiet one is waited for', async (t) => {
  const told: string[] = []
  const voice = {
    say: (text: string) => void told.push(text),
    progress: (text: string) => void told.push(text),
    signal: new AbortController().signal,
  }
  const loads = ['others had 90 % of the machine', 'others had 60 % of the machine', undefined]
  const look = (): Promise<string | undefined> => Promise.resolve(loads.shift())
  await untilQuiet(10, 300, voice, look)
  t.regex(
    told[0] ?? '',
    /This machine is busy: others had 90 %[^]*--wait 30 waits [^]*--rate 75 makes the load smaller/,
  )
  t.deepEqual(told.slice(1), [
    'waiting for a quiet machine: others had 90 % of the machine',
    'waiting for a quiet machine: others had 60 % of the machine',
  ])
  told.length = 0
  await untilQuiet(10, 300, voice, () => Promise.resolve(undefined))
  t.deepEqual(told, [])
})

test('no loss in N faults has the bound 3/N; a loss has its share', (t) => {
  const [none] = strategiesResult(head(), blocks(10), 'later').strategies
  t.deepEqual(none?.figures?.sessions.lostShare, { share: 0, high: 0.3 })
  const [some] = strategiesResult(
    head(),
    blocks(10, () => ({ sessionsLost: 15 })),
    'later',
  ).strategies
  t.deepEqual(some?.figures?.sessions.lostShare, { share: 0.25, high: 0.25 })
})

test('latencies are percentiles of the merged histograms, without a phase in which nothing was due', (t) => {
  const [sticky] = strategiesResult(head(), blocks(2), 'later').strategies
  t.deepEqual(sticky?.figures?.latencyMs, { before: { p50: 1, p99: 1, n: 20 }, outage: { p50: 5, p99: 5, n: 20 } })
  t.is(sticky?.figures?.healthy?.latencyMs.p999, undefined)
  t.is(sticky?.figures?.requests.retriesPerOperation, 0.05)
})

test('a fault without recovery is counted, and is not in the median', (t) => {
  const lasting = blocks(4)
  const first = lasting[0]?.turns['sticky'] as TurnFound
  const { recoveryMs: _gone, ...never } = kill()
  const changed = { ...lasting[0], turns: { ...lasting[0]?.turns, sticky: { ...first, kills: [never] } } } as FoundBlock
  const [sticky] = strategiesResult(head(), [changed, ...lasting.slice(1)], 'later').strategies
  t.is(sticky?.figures?.notRecovered, 1)
  t.is(sticky?.figures?.recoveryMs?.p50.blocks, 3)
})

test('a failed turn costs its strategy that block, and is among the doubts', (t) => {
  const all = blocks(7)
  const failed = { ...all[0], turns: { ...all[0]?.turns, sticky: { failed: 'node-a: died' } } } as FoundBlock
  const { strategies, doubts } = strategiesResult(head(), [failed, ...all.slice(1)], 'later')
  t.is(strategies[0]?.figures?.kills, 6)
  t.true(doubts.includes('block 1, sticky: node-a: died'))
})

test('the first participant runs twice, and its second row is the last', (t) => {
  const { options: asked } = head()
  const [scenario] = scenariosOf(asked)
  if (scenario === undefined) throw new Error('there is a scenario')
  t.deepEqual(
    entrantsOf(asked, scenario).map(({ name, role }) => [name, role]),
    [
      ['sticky', 'strategy'],
      ['memory', 'strategy'],
      ['sticky-again', 'again'],
    ],
  )
  t.is(strategiesResult(head(), blocks(1), 'later').strategies.at(-1)?.role, 'again')
})

test('a strategy without a store server takes no part where the store breaks, and the result says why', (t) => {
  const { options: asked } = head('--scenario', 'store-failover')
  const [scenario] = scenariosOf(asked)
  const [sticky] = contestantsOf(asked)
  if (scenario === undefined || sticky === undefined) throw new Error('there are both')
  t.regex(whyNot(sticky, scenario) ?? '', /no store/)
  t.regex(
    strategiesTable(strategiesResult(head('--scenario', 'store-failover'), [], 'later')),
    /sticky: it has no store/,
  )
})

test('figures of whole turns leave out turns with an excluded fault; anomalies count in all turns', (t) => {
  const [first, second] = blocks(2) as [FoundBlock, FoundBlock]
  const lagged: TurnFound = {
    ...turn([kill(), kill({ excluded: 'the generator lagged' })]),
    verdict: 'unknown',
    doubts: ['the generator lagged'],
  }
  const found = (other: TurnFound) => {
    const both = [first, { ...second, turns: { ...second.turns, sticky: other } }]
    return strategiesResult(head(), both, 'later').strategies.find(({ name }) => name === 'sticky')?.figures
  }
  const without = found(lagged)
  t.is(without?.kills, 3)
  t.is(without?.reads.total, 50)
  t.is(without?.requests.sent, 100)
  t.is(without?.verdict, 'valid')
  t.deepEqual(without?.verdictDoubts, [])
  const proved = found({ ...lagged, verdict: 'invalid', anomalies: { 'lost-session': 1 } })
  t.is(proved?.verdict, 'invalid')
  t.deepEqual(proved?.anomalies, { 'lost-session': 1 })
  const none = strategiesResult(head(), [{ ...first, turns: { sticky: lagged } }], 'later').strategies[0]?.figures
  t.is(none?.verdict, 'unknown')
  t.is(none?.verdictDoubts.length, 1)
})

test('without exposed sessions there is no bound', (t) => {
  const found = strategiesResult(
    head(),
    blocks(7, () => ({ sessionsExposed: 0 })),
    'later',
  )
  t.deepEqual(found.strategies[0]?.figures?.sessions.lostShare, { share: 0, high: 1 })
})
