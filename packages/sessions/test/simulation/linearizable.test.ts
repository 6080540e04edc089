/** Histories written by hand: what must pass, and what must not. */
import test from 'ava'
import type { SessionRecord, WriteResult } from '../../src/contract.ts'
import type { Operated, Seen } from '../../src/simulation/check/history.ts'
import { linearizable, type Verdict } from '../../src/simulation/check/linearizable.ts'

let lastId = 0

function at(startMs: number, endMs: number, seen: Seen): Operated {
  return { id: ++lastId, client: 0, node: 0, startMs, endMs, seen }
}

const record = (version: number, body: string): SessionRecord => ({ version, body, expiresAtMs: 0 })
const read = (version?: number, body = ''): Seen => ({
  verb: 'read',
  record: version === undefined ? undefined : record(version, body),
})
const write = (expectedVersion: number, body: string, result?: WriteResult): Seen => ({
  verb: 'write',
  expectedVersion,
  body,
  result,
})
const written = (expectedVersion: number, body: string): Seen =>
  write(expectedVersion, body, { status: 'written', version: expectedVersion + 1 })
const conflict = (expectedVersion: number, version: number, body: string): Seen =>
  write(expectedVersion, 'refused', { status: 'conflict', current: record(version, body) })
const gone = (expectedVersion: number): Seen => write(expectedVersion, 'refused', { status: 'gone' })
const destroyed = (fenceUntilMs = 0): Seen => ({ verb: 'destroy', fenceUntilMs, isDone: true })

const judged = test.macro((t, history: Operated[], verdict: Verdict) => {
  t.is(linearizable(history, { skewMs: 5, epochMs: 0 }), verdict)
})

test('nothing happened', judged, [], 'valid')
test('a write is read back', judged, [at(0, 1, written(0, 'a')), at(2, 3, read(1, 'a'))], 'valid')
test('an acknowledged write is lost', judged, [at(0, 1, written(0, 'a')), at(2, 3, read())], 'invalid')
test(
  'a read beside a write sees either',
  judged,
  [at(0, 9, written(0, 'a')), at(1, 2, read()), at(3, 4, read(1, 'a'))],
  'valid',
)
test(
  'a read goes back in time',
  judged,
  [at(0, 9, written(0, 'a')), at(1, 2, read(1, 'a')), at(3, 4, read())],
  'invalid',
)
test(
  'two writes on one version',
  judged,
  [at(0, 1, written(0, 'a')), at(2, 9, written(1, 'b')), at(2, 9, written(1, 'c'))],
  'invalid',
)
test('a version is left out', judged, [at(0, 1, written(0, 'a')), at(2, 3, read(3, 'c'))], 'invalid')
test('what a loser is told was there', judged, [at(0, 5, written(0, 'a')), at(0, 6, conflict(0, 1, 'a'))], 'valid')
test(
  'what a loser is told was never there',
  judged,
  [at(0, 5, written(0, 'a')), at(0, 6, conflict(0, 1, 'b'))],
  'invalid',
)
test(
  'an unknown write came to pass late',
  judged,
  [at(0, Infinity, write(0, 'a')), at(5, 6, read()), at(7, 8, read(1, 'a'))],
  'valid',
)
test(
  'an unknown write came and went',
  judged,
  [at(0, Infinity, write(0, 'a')), at(5, 6, read(1, 'a')), at(7, 8, read())],
  'invalid',
)
test('an unknown write never was', judged, [at(0, Infinity, write(0, 'a')), at(5, 6, written(0, 'b'))], 'valid')
test('a refused write was applied', judged, [at(0, 1, written(0, 'a')), at(2, 3, gone(1))], 'invalid')
test(
  'a destroyed session is back',
  judged,
  [at(0, 1, written(0, 'a')), at(2, 3, destroyed()), at(4, 5, read(1, 'a'))],
  'invalid',
)
test('a fence holds', judged, [at(0, 1, destroyed(100)), at(50, 51, gone(0)), at(120, 121, written(0, 'a'))], 'valid')
test('a fence is ignored', judged, [at(0, 1, destroyed(100)), at(50, 51, written(0, 'a'))], 'invalid')
test('a fence outlives its end', judged, [at(0, 1, destroyed(100)), at(120, 121, gone(0))], 'invalid')
test('a touch of what is not there', judged, [at(0, 1, { verb: 'touch', isThere: true })], 'invalid')
