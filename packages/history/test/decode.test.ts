import test from 'ava'
import { decodeTrace } from '../src/index.ts'
import { goodSecond, runStarted, stamped } from './events.ts'

const events = stamped(runStarted, goodSecond, goodSecond)
const text = events.map((event) => `${JSON.stringify(event)}\n`).join('')

test('a whole trace is read back as it was written', (t) => {
  t.deepEqual(decodeTrace(text), { events })
})

test('a trace that was cut off is read as far as it goes', (t) => {
  t.deepEqual(decodeTrace(text.slice(0, -20)), {
    events: events.slice(0, 2),
    problem: { line: 3, reason: 'not JSON: the trace was cut off here' },
  })
})

test('what is not JSON is said to be cut off only where nothing follows it', (t) => {
  const [first, second] = text.split('\n')
  t.deepEqual(decodeTrace(`${first}\n\n${second}\n`).problem, { line: 2, reason: 'not JSON' })
  t.deepEqual(decodeTrace('\u001F\u008B\b').problem, { line: 1, reason: 'not JSON' })
})

test('after a missing line nothing is trusted', (t) => {
  const [first, , third] = text.split('\n')
  t.deepEqual(decodeTrace(`${first}\n${third}\n`).problem, {
    line: 2,
    reason: 'event 2 where event 1 was expected',
  })
})

test('a start that no reader can show is refused', (t) => {
  for (const [field, values] of [
    ['startedAtMs', [undefined, '2026', 9e15]],
    ['strategy', [{ name: 7 }, { summary: {} }]],
    ['store', [undefined, 7]],
    ['users', [undefined, 'many']],
    ['rate', [undefined, null]],
  ] as const) {
    for (const value of values) {
      const { events, problem } = decodeTrace(JSON.stringify({ ...runStarted, seq: 0, atMs: 0, [field]: value }))
      t.deepEqual(events, [], `${field} ${JSON.stringify(value)}`)
      t.regex(problem?.reason ?? '', new RegExp(`^run-started is not as it should be: ${field} `))
    }
  }
})

test('a number that is none to a date is refused', (t) => {
  const [first, second] = text.split('\n')
  t.is(decodeTrace(`${first}\n${second?.replace(/"atMs":\d+/, '"atMs":1e999')}\n`).problem?.reason, 'not an event')
  t.is(decodeTrace(`${first?.replace(/"startedAtMs":\d+/, '"startedAtMs":1e999')}\n`).problem?.line, 1)
})

const refused = test.macro((t, given: string, reason: RegExp) => {
  const { events, problem } = decodeTrace(given)
  t.deepEqual(events, [])
  t.is(problem?.line, 1)
  t.regex(problem?.reason ?? '', reason)
})

test(
  'another schema is refused by its number',
  refused,
  JSON.stringify({ ...events[0], schema: 2 }),
  /schema 2.*schema 1/,
)
test('a trace that begins elsewhere is refused', refused, JSON.stringify(events[1]), /begins with run-started/)
test('an empty file is no trace', refused, '', /empty/)
test('JSON that is no event is refused', refused, 'null', /not an event/)

const malformed = test.macro((t, event: object, reason: string) => {
  const lines = [events[0], { seq: 1, atMs: 1, ...event }, { seq: 2, atMs: 2, type: 'cluster-ready', inMs: 1 }]
  const { events: read, problem } = decodeTrace(lines.map((line) => JSON.stringify(line)).join('\n'))
  t.is(read.length, 1)
  t.deepEqual(problem, { line: 2, reason })
})

const ended = { type: 'operation-ended', op: 1, endedAtMs: 5 }
test(
  'an outcome that there is none of',
  malformed,
  { ...ended, outcome: 'lost', why: 'so it is' },
  `operation-ended is not as it should be: outcome can't be "lost"`,
)
test(
  'a cart that is none',
  malformed,
  { ...ended, outcome: 'ok', items: null },
  `operation-ended is not as it should be: items can't be null`,
)
test(
  'a cart with nothing in its list',
  malformed,
  { ...ended, outcome: 'ok', items: [null] },
  `operation-ended is not as it should be: items can't be [null]`,
)
test(
  'a second without its figures',
  malformed,
  { type: 'users-second', sent: 1, ok: 1 },
  'users-second is not as it should be: failed is missing',
)
test(
  'a second without its users',
  malformed,
  { ...goodSecond, users: { all: 'ten', loggedIn: 10, intact: 10 } },
  `users-second is not as it should be: users can't be {"all":"ten","loggedIn":10,"intact":10}`,
)
test(
  'a death that does not say what it held',
  malformed,
  { type: 'node-down', node: 'a', pid: 1, code: null, signal: null, held: '7' },
  `node-down is not as it should be: held can't be "7"`,
)
test(
  'a generator that does not say how late it was',
  malformed,
  { type: 'operation-sent', op: 1, user: 'u', visit: 1, tab: 0, kind: 'read', sentAtMs: 1, lateMs: null },
  `operation-sent is not as it should be: lateMs can't be null`,
)

test('an event of a type that is not known yet is read', (t) => {
  const later = { seq: 1, atMs: 1, type: 'of-a-later-writer', about: null }
  t.is(decodeTrace(`${JSON.stringify(events[0])}\n${JSON.stringify(later)}\n`).events.length, 2)
})
