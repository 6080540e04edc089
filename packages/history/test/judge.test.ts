import test from 'ava'
import { checkers } from '../src/checkers/index.ts'
import {
  type Checker,
  decodeTrace,
  evidenceOf,
  Judge,
  judge,
  Ledger,
  type TraceEvent,
  type Verdict,
} from '../src/index.ts'
import { historyOf } from './histories.ts'

const lost = `
user-0 login 10-20 ok
user-0 put A 30-40 ok [A]
user-0 read 50-60 ok []
`

test('a trace that can not be read to its end is judged as far as it goes, and names the line', (t) => {
  const text = historyOf('user-0 login 10-20 ok\nuser-0 read 30-40 ok []')
    .map((event) => JSON.stringify(event))
    .join('\n')
  const { events, problem } = decodeTrace(text.slice(0, -5))
  const verdict = judge(events, problem)
  t.is(verdict.verdict, 'unknown')
  t.deepEqual(verdict.doubts, ['the trace can be read up to line 6: not JSON: the trace was cut off here'])
  t.is(verdict.operations.ok, 2)
})

test('an event that is not what its type says ends the judging there, with the line', (t) => {
  const events = historyOf('user-0 login 10-20 ok\nuser-0 put A 30-40 ok [A]\nuser-0 read 50-60 ok [A]')
  const spoiled = events.map((event) =>
    event.type === 'operation-ended' && event.items !== undefined ? Object.assign({}, event, { items: [null] }) : event,
  )
  const verdict = judge(spoiled)
  t.is(verdict.verdict, 'unknown')
  t.regex(String(verdict.doubts[0]), /^the trace can be read up to line \d+: operation-ended is not as it should be: /)
  t.is(verdict.operations.ok, 2)
})

test('a checker that throws leaves the verdict unknown, with its name and its stack', (t) => {
  const verdict = judgedWith(
    failing('stale-read', 'observe'),
    historyOf('user-0 login 10-20 ok\nuser-0 put A 30-40 ok [A]\nuser-0 read 50-60 ok [A]'),
  )
  t.is(verdict.verdict, 'unknown')
  t.deepEqual(verdict.doubts, ['checker stale-read failed, which is a defect of this program: Error: a bug'])
  t.deepEqual(
    verdict.crashes.map(({ checker }) => checker),
    ['stale-read'],
  )
  t.regex(String(verdict.crashes[0]?.stack), /^Error: a bug\n +at .*judge\.test\.ts/)
  t.is(verdict.operations.ok, 3, 'the trace is not at fault, and is judged to its end')
})

test('what the other checkers find stays, also where the one that throws looks at the end of a visit', (t) => {
  const verdict = judgedWith(failing('copies-differ', 'over'), historyOf(lost))
  t.is(verdict.verdict, 'invalid')
  t.deepEqual(
    verdict.anomalies.map(({ kind }) => kind),
    ['lost-write'],
  )
  t.is(verdict.crashes.length, 1)
})

test.serial('a defect of the ledger is not blamed on the trace either, and ends the judging', (t) => {
  const whole = Object.getOwnPropertyDescriptor(Ledger.prototype, 'settle') ?? {}
  t.teardown(() => Object.defineProperty(Ledger.prototype, 'settle', whole))
  Object.defineProperty(Ledger.prototype, 'settle', { ...whole, value: fail })
  const verdict = judge(historyOf('user-0 login 10-20 ok\nuser-0 read 30-40 ok []'))
  t.is(verdict.verdict, 'unknown')
  t.deepEqual(verdict.doubts, [
    'the ledger failed, which is a defect of this program: Error: a bug',
    'nothing after line 3 of the trace was judged',
  ])
})

test('what is found is known at once where it needs no end', (t) => {
  const judging = new Judge()
  const known: boolean[] = []
  for (const event of historyOf('user-0 login 10-20 ok\nuser-0 read 30-40 ok as user-1\nuser-0 read 50-60 ok []')) {
    judging.take(event)
    known.push(judging.hasFound('leak'))
  }
  t.deepEqual(known, [false, false, false, false, true, true, true, true])
  t.true(judging.kindsSoFar.has('leak'))
})

test('a verdict comes from the trace alone, and the same one each time', (t) => {
  const events = historyOf(lost)
  t.deepEqual(judge(events), judge(events))
  t.deepEqual(judge(JSON.parse(JSON.stringify(events)) as typeof events), judge(events))
})

test('the shortest history is a trace from which the same can be told', (t) => {
  const others = Array.from({ length: 20 }, (_, n) => `user-${n + 1} login 1${n}-2${n} ok`).join('\n')
  const [anomaly] = judge(historyOf(`${lost}${others}\nuser-0 read 70-80 ok []\nuser-0 count 81-85 ok =1`)).anomalies
  t.truthy(anomaly)
  if (anomaly === undefined) return
  const shortest = evidenceOf(historyOf(`${lost}${others}`), anomaly)
  t.deepEqual(
    shortest.flatMap((event) => (event.type === 'operation-sent' ? [event.kind] : [])),
    ['put', 'read'],
  )
  t.is(judge(shortest).anomalies[0]?.kind, 'lost-write')
})

test('of a visit that went on for long, what shows the anomaly is kept', (t) => {
  const events = historyOf(`user-0 login 10-20 ok
${reads(100)}
user-0 count 10000-10020 ok =1
user-0/1 count 10005-10025 ok =1
user-0 read 10030-10040 ok []
${reads(11_000)}`)
  const [anomaly] = judge(events).anomalies
  t.is(anomaly?.kind, 'lost-update')
  if (anomaly === undefined) return
  const shortest = evidenceOf(events, anomaly)
  t.deepEqual(
    shortest.flatMap((event) => (event.type === 'operation-sent' ? [event.kind] : [])),
    ['count', 'count', 'read'],
  )
  t.is(judge(shortest).anomalies[0]?.kind, 'lost-update')
})

test('an end without a beginning, and one told twice, change nothing', (t) => {
  const events = historyOf(lost)
  const ends = events.filter(({ type }) => type === 'operation-ended')
  const [first, ...rest] = events
  t.deepEqual(judge([...(first ? [first] : []), ...ends, ...rest, ...ends].slice(0, -3)).anomalies.length, 1)
})

test('users that replace others are not taken for them in the evidence', (t) => {
  const lives = historyOf(`user-0 login 1-2 ok
user-0 put B 3-4 ok [B]
user-0 read 5-6 ok [B]
other users at 8
${lost}`)
  const [anomaly] = judge(lives).anomalies
  t.is(anomaly?.kind, 'lost-write')
  if (anomaly === undefined) return
  const ops = evidenceOf(lives, anomaly).flatMap((event) => (event.type === 'operation-sent' ? [event.op] : []))
  t.deepEqual(ops, [5, 6])
})

/** All checkers, one of which has a defect. */
function failing(kind: Checker['kind'], method: 'observe' | 'over'): readonly Checker[] {
  const broken: Checker = { kind, [method]: fail }
  return checkers.map((checker) => (checker.kind === kind ? broken : checker))
}

function fail(): never {
  throw new Error('a bug')
}

function judgedWith(some: readonly Checker[], events: readonly TraceEvent[]): Verdict {
  const judging = new Judge(some)
  for (const event of events) judging.take(event)
  return judging.verdict()
}

function reads(fromMs: number): string {
  return Array.from({ length: 600 }, (_, n) => `user-0 read ${fromMs + n * 10}-${fromMs + 5 + n * 10} ok []`).join('\n')
}
