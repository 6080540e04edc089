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

test('a line that is missing ends the trust in what follows', (t) => {
  const [first, , third] = text.split('\n')
  t.deepEqual(decodeTrace(`${first}\n${third}\n`).problem, {
    line: 2,
    reason: 'event 2 where event 1 was expected',
  })
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
