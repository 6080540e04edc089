import test from 'ava'
import { decodeTrace, evidenceOf, Judge, judge } from '../src/index.ts'
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

test('users who came in the place of others are not taken for them in the evidence', (t) => {
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

function reads(fromMs: number): string {
  return Array.from({ length: 600 }, (_, n) => `user-0 read ${fromMs + n * 10}-${fromMs + 5 + n * 10} ok []`).join('\n')
}
