import test from 'ava'
import { BREAKS_MAX, isSafe, retryDecision } from '../../src/request/retry-decision.ts'
import type { FailedAttempt, FailureKind, RetryDecision } from '../../src/request/retry-decision.ts'

const SAFE = ['GET', 'HEAD', 'OPTIONS', 'TRACE']
const IDEMPOTENT = [...SAFE, 'PUT', 'DELETE']
const OTHERS = ['POST', 'PATCH']
const METHODS = [...IDEMPOTENT, ...OTHERS]
const KEYS = ['none', 'own', 'minted'] as const
const BODIES = ['whole', 'not-kept'] as const
const BUDGETS = ['left', 'spent'] as const
const LATE = [false, true] as const
const KINDS = ['refused', 'unreached', 'broken', 'junk', 'silent', 'declined', 'lost', 'client-stalled'] as const
const BEFORE_CONNECTED: ReadonlySet<FailureKind> = new Set(['refused', 'unreached', 'lost'])
const ATTEMPTS_MAX = 3

/** Every combination of what matters. */
function* everything(): Generator<FailedAttempt> {
  for (const method of METHODS)
    for (const key of KEYS)
      for (const failure of KINDS)
        for (const sent of ['nothing', 'something'] as const)
          for (const answer of ['none', 'begun'] as const)
            for (const body of BODIES)
              for (const breaks of [0, 1, BREAKS_MAX])
                for (const attempts of [1, ATTEMPTS_MAX])
                  for (const budget of BUDGETS)
                    for (const late of LATE)
                      yield {
                        method,
                        key,
                        failure,
                        sent,
                        answer,
                        body,
                        breaks,
                        attempts,
                        attemptsMax: ATTEMPTS_MAX,
                        budget,
                        late,
                      }
}

type Row = [what: string, matches: (attempt: FailedAttempt) => boolean, expected: RetryDecision]

const refuse = (
  rule: Extract<RetryDecision, { next: 'refuse' }>['rule'],
  code: 'BAD_GATEWAY' | 'GATEWAY_TIMEOUT',
): RetryDecision => ({
  next: 'refuse',
  rule,
  code,
})

/** As a rule is written where the code of the answer depends on nothing but silence. */
function either(what: string, matches: Row[1], rule: Extract<RetryDecision, { next: 'refuse' }>['rule']): [Row, Row] {
  return [
    [`${what}, silent`, (attempt) => matches(attempt) && attempt.failure === 'silent', refuse(rule, 'GATEWAY_TIMEOUT')],
    [`${what}, any other way`, matches, refuse(rule, 'BAD_GATEWAY')],
  ]
}

/** Read from the top: the first row that matches is what follows. */
const TABLE: Row[] = [
  ['the client has a part of an answer', ({ answer }) => answer === 'begun', { next: 'cut', rule: 'answer-begun' }],
  [
    'nothing was sent and the time is up',
    ({ sent, late }) => sent === 'nothing' && late,
    { next: 'refuse', rule: 'late', code: 'UNAVAILABLE' },
  ],
  [
    'nothing was sent: whatever it is, as often as is allowed',
    ({ sent, attempts }) => sent === 'nothing' && attempts < ATTEMPTS_MAX,
    { next: 'another-upstream', rule: 'nothing-sent' },
  ],
  [
    'nothing was sent, and that too often',
    ({ sent }) => sent === 'nothing',
    { next: 'refuse', rule: 'attempts-used-up', code: 'UNAVAILABLE' },
  ],
  [
    'the client stalled',
    ({ failure }) => failure === 'client-stalled',
    { next: 'refuse', rule: 'client-stalled', code: 'REQUEST_TIMEOUT' },
  ],
  [
    'two upstreams broke under it',
    ({ breaks }) => breaks >= BREAKS_MAX,
    { next: 'refuse', rule: 'poison', code: 'BAD_GATEWAY' },
  ],
  ...either(
    'twice could count twice',
    ({ method, key }) => key === 'none' && OTHERS.includes(method),
    'may-have-acted',
  ),
  ...either('the body is gone', ({ body }) => body === 'not-kept', 'body-not-kept'),
  ...either('the time is up', ({ late }) => late, 'late'),
  ...either('it was tried too often', ({ attempts }) => attempts === ATTEMPTS_MAX, 'attempts-used-up'),
  ...either('too many are tried again', ({ budget }) => budget === 'spent', 'budget-spent'),
  ['its client gave it a key', ({ key }) => key === 'own', { next: 'another-upstream', rule: 'keyed' }],
  ['it was given a key', ({ key }) => key === 'minted', { next: 'another-upstream', rule: 'minted' }],
  [
    'twice comes to the same as once',
    ({ method }) => IDEMPOTENT.includes(method),
    { next: 'another-upstream', rule: 'idempotent' },
  ],
]

const rowOf = (attempt: FailedAttempt): Row | undefined => TABLE.find(([, matches]) => matches(attempt))

for (const row of TABLE) {
  const [what, , expected] = row
  test(`${what} -> ${expected.next}: ${expected.rule}`, (t) => {
    let rows = 0
    for (const attempt of everything()) {
      if (rowOf(attempt) !== row) continue
      rows += 1
      t.deepEqual(retryDecision(attempt), expected, JSON.stringify(attempt))
    }
    t.true(rows > 0)
  })
}

test('every combination is in the table', (t) => {
  for (const attempt of everything()) t.not(rowOf(attempt), undefined)
})

test('nothing that could count twice is ever sent twice', (t) => {
  for (const attempt of everything()) {
    if (retryDecision(attempt).next !== 'another-upstream' || attempt.sent === 'nothing') continue
    t.true(attempt.key !== 'none' || IDEMPOTENT.includes(attempt.method), JSON.stringify(attempt))
    t.is(attempt.answer, 'none')
    t.is(attempt.body, 'whole')
  }
})

test('before a connection stands, every method and size is retried', (t) => {
  for (const attempt of everything()) {
    const { failure, sent, answer, attempts, late } = attempt
    if (!BEFORE_CONNECTED.has(failure) || sent === 'something' || answer === 'begun' || late) continue
    if (attempts < ATTEMPTS_MAX) t.is(retryDecision(attempt).next, 'another-upstream')
  }
})

test('safe methods are those of RFC 9110', (t) => {
  t.deepEqual(METHODS.filter(isSafe), SAFE)
})
