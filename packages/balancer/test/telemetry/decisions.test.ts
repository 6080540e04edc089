import test from 'ava'
import { decisions, DECISIONS_MAX, mergedDecisions } from '../../src/telemetry/decisions.ts'
import type { Decision } from '../../src/telemetry/decisions.ts'

test('the newest decisions come first, of all kinds or of one, with the known fields alone', (t) => {
  let nowMs = 0
  const ring = decisions(() => (nowMs += 1))
  ring.note('routing', 'turn', 'r1', 'a', undefined)
  ring.note('failure', 'another-upstream', 'r1', 'a', 'nothing-sent')
  ring.note('routing', 'moved', 'r1', 'b', 'a failed')
  t.deepEqual(ring.latest(10, 'failure'), [
    {
      at: '1970-01-01T00:00:00.002Z',
      kind: 'failure',
      requestId: 'r1',
      upstream: 'a',
      decision: 'another-upstream',
      because: 'nothing-sent',
    },
  ])
  t.deepEqual(
    ring.latest(2).map(({ decision }) => decision),
    ['moved', 'another-upstream'],
  )
  t.deepEqual(ring.latest(10, 'health'), [])
})

test('the last thousand of each kind are kept, whatever happens in the others', (t) => {
  const ring = decisions()
  ring.note('health', 'down', undefined, 'a', undefined)
  for (let count = 0; count < 3 * DECISIONS_MAX + 7; count += 1)
    ring.note('routing', String(count), undefined, undefined, undefined)
  const latest = ring.latest(Infinity, 'routing')
  t.is(latest.length, DECISIONS_MAX)
  t.is(latest[0]?.decision, String(3 * DECISIONS_MAX + 6))
  t.is(latest.at(-1)?.decision, String(2 * DECISIONS_MAX + 7))
  t.is(ring.latest(Infinity, 'health').length, 1)
})

function at(ms: number, decision: string): Decision {
  return { at: new Date(ms).toISOString(), kind: 'routing', decision }
}

test('the decisions of several processes are one list', (t) => {
  const merged = mergedDecisions([[at(5, 'e'), at(1, 'a')], [at(3, 'c')]], 2)
  t.deepEqual(
    merged.map(({ decision }) => decision),
    ['e', 'c'],
  )
})
