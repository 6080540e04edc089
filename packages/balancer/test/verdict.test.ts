import test from 'ava'
import { verdict } from '../src/verdict.ts'
import type { FailedAttempt, Verdict } from '../src/verdict.ts'

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'POST', 'PATCH']
const SAFE = METHODS.slice(0, 4)
const UNSAFE = METHODS.slice(4)
const KINDS = ['refused', 'unreached', 'broken', 'junk', 'silent', 'client-stalled'] as const

const ANOTHER: Verdict = { next: 'another-upstream', rule: 'nothing-sent' }
const UNAVAILABLE: Verdict = { next: 'refuse', rule: 'attempts-used-up', code: 'UNAVAILABLE' }
const CUT: Verdict = { next: 'cut', rule: 'answer-begun' }
const STALLED: Verdict = { next: 'refuse', rule: 'client-stalled', code: 'REQUEST_TIMEOUT' }

type Row = [
  methods: readonly string[],
  failures: readonly FailedAttempt['failure'][],
  sent: FailedAttempt['sent'],
  answer: FailedAttempt['answer'],
  attempts: number,
  expected: Verdict,
]

const TABLE: Row[] = [
  // Nothing was sent: elsewhere, whatever it is, as often as is allowed.
  [METHODS, ['refused', 'unreached'], 'nothing', 'none', 1, ANOTHER],
  [METHODS, ['refused', 'unreached'], 'nothing', 'none', 2, ANOTHER],
  [METHODS, ['refused', 'unreached'], 'nothing', 'none', 3, UNAVAILABLE],
  // Something was sent: nobody knows what became of it, but where the method is safe that does not matter.
  [SAFE, ['broken', 'junk'], 'something', 'none', 1, { next: 'refuse', rule: 'was-safe', code: 'BAD_GATEWAY' }],
  [SAFE, ['silent'], 'something', 'none', 1, { next: 'refuse', rule: 'was-safe', code: 'GATEWAY_TIMEOUT' }],
  [UNSAFE, ['broken', 'junk'], 'something', 'none', 1, { next: 'refuse', rule: 'may-have-acted', code: 'BAD_GATEWAY' }],
  [UNSAFE, ['silent'], 'something', 'none', 1, { next: 'refuse', rule: 'may-have-acted', code: 'GATEWAY_TIMEOUT' }],
  [METHODS, ['client-stalled'], 'something', 'none', 1, STALLED],
  // The client has a part of an answer: it must not get another, nor take the part for a whole.
  [METHODS, KINDS, 'something', 'begun', 1, CUT],
]

for (const [methods, failures, sent, answer, attempts, expected] of TABLE) {
  const what = `${failures.join('/')}, ${sent} sent, answer ${answer}, attempt ${attempts}`
  test(`${methods.join('/')}: ${what} -> ${expected.rule}`, (t) => {
    for (const method of methods) {
      for (const failure of failures) {
        t.deepEqual(verdict({ method, failure, sent, answer, attempts, attemptsMax: 3 }), expected)
      }
    }
  })
}
