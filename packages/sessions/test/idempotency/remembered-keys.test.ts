/** What a session remembers of keyed requests: bounded in time, number and bytes, and given up in stages. */
import test from 'ava'
import fc from 'fast-check'
import { keyDigest, type Remembered } from '../../src/idempotency/answers.ts'
import { RecordUnreadableError } from '../../src/errors.ts'
import { DIGEST_ONLY, digestsOf, forgetOld, hasOld, findKey, remember } from '../../src/idempotency/remembered-keys.ts'

const NOW_MS = 1_800_000_000_000
const HOUR_MS = 3_600_000
const LIMITS = { idempotencyBytesMax: 16 * 1024, idempotencyKeysMax: 1_000 }

function request(key: string, more: Partial<Remembered> = {}): Remembered {
  const results = [{ step: '=pay', result: key }]
  const forgetAtMs = NOW_MS + 24 * HOUR_MS
  return {
    keyDigest: keyDigest(key),
    fingerprint: 'f'.repeat(20),
    forgetAtMs,
    changedUser: false,
    results,
    answer: undefined,
    ...more,
  }
}

/** After so many requests, the first of them first. */
function after(count: number, limits = LIMITS, more: Partial<Remembered> = {}) {
  let text: string | undefined
  let forgotten = 0
  for (let n = 0; n < count; n++) {
    const remembered = remember(text, request(`key-${n}`, more), limits, NOW_MS)
    text = remembered.text
    forgotten += remembered.forgotten
  }
  return { text: text ?? '', forgotten }
}

/** As it stands in a record, and the array in it. */
const inRecord = (entries: unknown): string => JSON.stringify(JSON.stringify(entries))
const entriesIn = (text: string): unknown => JSON.parse(JSON.parse(text) as string)

const recallIn = (text: string, key: string, nowMs = NOW_MS): ReturnType<typeof findKey> =>
  findKey(text, keyDigest(key), nowMs)

test('a request is remembered as it was', (t) => {
  const answer = { status: 201, type: 'application/json', body: '{"é":1}', headers: { location: '/orders/1' } }
  const whole = request('key', { changedUser: true, answer })
  t.deepEqual(recallIn(remember(undefined, whole, LIMITS, NOW_MS).text, 'key'), whole)
})

test('of a thousand keys each is known, in no more bytes than were allowed, and none that was never there', (t) => {
  const answer = { status: 200, type: 'text/plain', body: 'é'.repeat(300) }
  const { text, forgotten } = after(1_000, LIMITS, { answer })
  t.is(forgotten, 0)
  t.true(Buffer.byteLength(text) <= LIMITS.idempotencyBytesMax)
  t.is(recallIn(text, 'key-0'), DIGEST_ONLY)
  t.like(recallIn(text, 'key-999'), { answer })
  for (let n = 0; n < 1_000; n++) t.truthy(recallIn(text, `key-${n}`))
  for (let n = 1_000; n < 3_000; n++) t.is(recallIn(text, `key-${n}`), undefined)
})

test('answers give way before results, the oldest first, and both before the digest', (t) => {
  const answer = { status: 200, type: 'text/plain', body: 'x'.repeat(3_000) }
  const { text } = after(15, LIMITS, { answer })
  t.like(recallIn(text, 'key-0'), { answer: undefined, results: [{ step: '=pay', result: 'key-0' }] })
  t.like(recallIn(text, 'key-14'), { answer })
})

test('with one key more than there may be the oldest is forgotten, and that is told', (t) => {
  const { text, forgotten } = after(12, { ...LIMITS, idempotencyKeysMax: 10 })
  t.is(forgotten, 2)
  t.is(recallIn(text, 'key-1'), undefined)
  t.truthy(recallIn(text, 'key-2'))
})

test('the fewer bytes there may be, the fewer keys: the newest keep what their repeats need', (t) => {
  const { text, forgotten } = after(1_000, { ...LIMITS, idempotencyBytesMax: 4_096 })
  t.true(Buffer.byteLength(text) <= 4_096)
  t.true(forgotten > 600)
  t.is(recallIn(text, 'key-700'), DIGEST_ONLY)
  t.like(recallIn(text, 'key-999'), { results: [{ step: '=pay', result: 'key-999' }] })
})

test('a key is known until its time, and then no more, also where only its digest is left', (t) => {
  const { text } = after(1_000)
  for (const key of ['key-0', 'key-999']) {
    t.truthy(recallIn(text, key, NOW_MS + 24 * HOUR_MS - 1))
    t.is(recallIn(text, key, NOW_MS + 24 * HOUR_MS + 10_000), undefined)
  }
  t.false(hasOld(text, NOW_MS))
  t.is(forgetOld(text, NOW_MS), text)
  t.true(hasOld(text, NOW_MS + 24 * HOUR_MS))
  t.is(forgetOld(text, NOW_MS + 25 * HOUR_MS), undefined)
})

test('the keys of a balancer are few bytes each, and do not push out those of a client', (t) => {
  let { text } = remember(undefined, request('client'), LIMITS, NOW_MS)
  for (let n = 0; n < 1_000; n++) {
    const forgetAtMs = NOW_MS + n * 1_000 + 180_000
    const results = [{ step: '=cart', result: undefined }]
    const minted = request(`minted-${n}`, { fingerprint: '', forgetAtMs, results })
    text = remember(text, minted, LIMITS, NOW_MS + n * 1_000).text
    t.true(text.length < 6_000)
  }
  t.like(recallIn(text, 'client', NOW_MS + 1_000_000), { fingerprint: 'f'.repeat(20) })
  t.like(recallIn(text, 'minted-999', NOW_MS + 1_000_000), { fingerprint: '' })
  t.is(recallIn(text, 'minted-950', NOW_MS + 1_000_000), DIGEST_ONLY)
})

test('most writes only append a request; at every sixteenth version the old ones are tidied away', (t) => {
  let text: string | undefined
  let appended = 0
  for (let version = 0; version < 400; version++) {
    const nowMs = NOW_MS + version * 1_000
    const minted = request(`minted-${version}`, { fingerprint: '', forgetAtMs: nowMs + 90_000, results: [] })
    const before: string | undefined = text
    text = remember(before, minted, LIMITS, nowMs, version).text
    if (before !== undefined && text.startsWith(before.slice(0, -3))) appended++
    const entries = entriesIn(text) as unknown[][]
    t.true(entries.filter(([digest]) => digest !== '~').length <= 12 + 15)
    for (let age = 0; age < Math.min(version, 90); age += 7)
      t.truthy(recallIn(text, `minted-${version - age}`, nowMs), String(version))
    t.is(recallIn(text, `minted-${version - 101}`, nowMs), undefined)
  }
  t.true(appended > 300, String(appended))
  t.true((text ?? '').length < 5_000)
  t.is(forgetOld(text, NOW_MS + 3_600_000, 401), text)
  t.is(forgetOld(text, NOW_MS + 3_600_000, 416), undefined)
})

test('between two versions with which they are tidied there are few more keys than there may be', (t) => {
  const limits = { ...LIMITS, idempotencyKeysMax: 500 }
  let text: string | undefined
  for (let version = 0; version < 1_000; version++) {
    text = remember(text, request(`key-${version}`, { fingerprint: '', results: [] }), limits, NOW_MS, version).text
    if (version >= 500) t.truthy(recallIn(text, `key-${version - 499}`), String(version))
    if (version >= 540) t.is(recallIn(text, `key-${version - 532}`), undefined)
  }
})

test('for another user digests are left, each until its time, and nothing of the request that is remembered anew', (t) => {
  const answer = { status: 200, type: 'text/plain', body: 'what the first user bought' }
  const { text } = after(40, LIMITS, { answer })
  const left = digestsOf(text, NOW_MS, keyDigest('key-39')) ?? ''
  t.true(Buffer.byteLength(left) < 500)
  for (let n = 0; n < 39; n++) t.is(recallIn(left, `key-${n}`), DIGEST_ONLY)
  t.is(recallIn(left, 'key-39'), undefined)
  t.is(recallIn(left, 'key-0', NOW_MS + 24 * HOUR_MS + 10_000), undefined)
  t.is(digestsOf(left, NOW_MS), left)

  const more = remember(left, request('key-39', { answer }), LIMITS, NOW_MS, 1).text
  t.like(recallIn(more, 'key-39'), { answer })
  t.is(recallIn(more, 'key-0'), DIGEST_ONLY)
  t.is(digestsOf(undefined, NOW_MS), undefined)
  t.is(digestsOf(text, NOW_MS + 25 * HOUR_MS), undefined)
})

test('keys that are not JSON are reported', (t) => {
  const { text } = after(3)
  t.throws(() => recallIn(text.slice(0, -2), 'key-1'), { instanceOf: RecordUnreadableError })
})

test('digests of many different times stay few groups', (t) => {
  let text: string | undefined
  for (let n = 0; n < 600; n++) {
    const forgetAtMs = NOW_MS + HOUR_MS + n * 140_000
    const results = [{ step: '=pay', result: 'x'.repeat(3_000) }]
    text = remember(text, request(`key-${n}`, { forgetAtMs, results }), LIMITS, NOW_MS).text
  }
  t.true((text ?? '').length <= LIMITS.idempotencyBytesMax)
  t.true((entriesIn(text ?? '') as string[][]).filter(([digest]) => digest === '~').length <= 32)
  for (let n = 0; n < 600; n += 7) t.truthy(recallIn(text ?? '', `key-${n}`), String(n))
})

test('results that alone take more than there is room for are not kept, and their steps are', (t) => {
  const results = Array.from({ length: 10 }, (_, n) => ({ step: `=step-${n}`, result: 'x'.repeat(4_000) }))
  const { text } = remember(undefined, request('key', { results }), LIMITS, NOW_MS)
  t.true(text.length < LIMITS.idempotencyBytesMax)
  t.is((recallIn(text, 'key') as Remembered).results.length, 10)
})

/** As the version before this one wrote it. */
const older = (key: string, atMs: number, answer?: [number, string, string], changedUser = 0): unknown[] => [
  keyDigest(key),
  'an-unkeyed-hash-of-the-payload-of-forty-3-ch',
  atMs,
  changedUser,
  [['update 1a2b 0', 1]],
  ...(answer === undefined ? [] : [answer]),
]

test('what an older version wrote: an answer is given, what was only begun is refused, and fingerprints go', (t) => {
  const answer: [number, string, string] = [200, 'text/plain', 'done']
  const text = inRecord([older('login', NOW_MS, undefined, 1), older('answered', NOW_MS, answer)])
  t.is(recallIn(text, 'login'), DIGEST_ONLY)
  t.like(recallIn(text, 'answered'), { fingerprint: '', answer: { status: 200, type: 'text/plain', body: 'done' } })
  const next = remember(text, request('next'), LIMITS, NOW_MS + 1_000).text
  t.notRegex(next, /unkeyed/)
  t.is(recallIn(next, 'login'), DIGEST_ONLY)
  t.like(recallIn(next, 'answered'), { answer: { body: 'done' } })
  t.is(recallIn(text, 'login', NOW_MS + 121_000), undefined)
  t.true(hasOld(text, NOW_MS + 121_000))
})

test('what an older version has only begun, its nodes find as they left it: they would carry it out again', (t) => {
  const begun = Array.from({ length: 20 }, (_, n) => older(`begun-${n}`, NOW_MS))
  const next = remember(inRecord(begun), request('next'), LIMITS, NOW_MS + 1_000).text
  const kept = (entriesIn(next) as unknown[][]).filter(([, fingerprint]) => /unkeyed/.test(String(fingerprint)))
  t.deepEqual(kept, begun.slice(-8))
  for (const n of [0, 19]) t.is(recallIn(next, `begun-${n}`, NOW_MS + 119_000), DIGEST_ONLY)
  t.is(recallIn(next, 'begun-19', NOW_MS + 120_000), undefined)
  t.notRegex(remember(next, request('later'), LIMITS, NOW_MS + 120_000).text, /unkeyed/)
})

test('an older version reads and rewrites what this one wrote', (t) => {
  const { text } = after(1_000)
  const entries = entriesIn(text) as [string, string, number, number, unknown[]][]
  for (const [digest, fingerprint, atMs, changedUser, results] of entries) {
    t.deepEqual([typeof digest, typeof fingerprint, typeof atMs], ['string', 'string', 'number'])
    t.true(atMs + 120_000 > NOW_MS && Array.isArray(results) && typeof changedUser === 'number')
  }
  const rewritten = inRecord(
    entries.map(([digest, fingerprint, atMs, , results]) => [digest, fingerprint, atMs, 0, results]),
  )
  for (const key of ['key-0', 'key-999']) t.is(recallIn(rewritten, key), DIGEST_ONLY)
})

/** As a program before this one appends to a text, and as it tidies it. */
const appendedBefore = (text: string, entry: unknown): string =>
  `${text.slice(0, -2)},${inRecord([entry]).slice(2, -2)}]"`
const tidiedBefore = (text: string): string => inRecord(entriesIn(text))

test('nodes of this program and of the one before it take turns', (t) => {
  let text = after(20, LIMITS, { fingerprint: '' }).text
  const before = [keyDigest('before'), '', NOW_MS + HOUR_MS, 2, [['=pay', 'before']]]
  text = appendedBefore(text, before)
  t.like(recallIn(text, 'before'), { results: [{ step: '=pay', result: 'before' }] })
  t.like(recallIn(text, 'key-19'), { results: [{ step: '=pay', result: 'key-19' }] })
  t.is(recallIn(text, 'key-0'), DIGEST_ONLY)
  text = remember(tidiedBefore(text), request('now'), LIMITS, NOW_MS, 1).text
  text = remember(text, request('next'), LIMITS, NOW_MS, 1).text
  for (const key of ['before', 'now', 'next', 'key-19']) t.like(recallIn(text, key), { keyDigest: keyDigest(key) })
})

/** Texts that look like the text of a record, and digests that are in it. */
const misleading = fc
  .array(
    fc.constantFrom('"', '\\', ', [', '[', ']', '~', ',', ' ', '"[ ', ' ]"', keyDigest('key-0'), keyDigest('key-1')),
  )
  .map((parts) => parts.join(''))

test('nothing that an application keeps is taken for the beginning or the end of a request', (t) => {
  const all = fc.array(
    fc.record({ result: fc.oneof(misleading, fc.array(misleading)), body: misleading, fingerprint: misleading }),
  )
  fc.assert(
    fc.property(all, fc.boolean(), (entries, appends) => {
      let text: string | undefined
      const requests = entries.map(({ result, body, fingerprint }, n) => {
        const results = [
          { step: '=pay', result },
          { step: '=more', result: { [body]: [result, [keyDigest('key-0'), '']] } },
        ]
        return request(`key-${n}`, {
          results,
          fingerprint: `f${fingerprint}`,
          answer: { status: 200, type: body, body },
        })
      })
      for (const each of requests)
        text = remember(text, each, { ...LIMITS, idempotencyBytesMax: 10 ** 6 }, NOW_MS, appends ? 1 : 0).text
      for (const [n, each] of requests.entries()) t.deepEqual(recallIn(text ?? '', `key-${n}`), each)
      return text === undefined || (entriesIn(text) as unknown[]).length === requests.length
    }),
    { numRuns: 200 },
  )
  t.pass()
})

const arrivals = fc.array(
  fc.record({
    key: fc.nat(90),
    minted: fc.boolean(),
    resultLength: fc.nat(2_000),
    answerLength: fc.nat(4_000),
    pauseMs: fc.nat(20_000),
  }),
  { minLength: 40, maxLength: 120 },
)

test('whatever comes, it stays within its bytes, knows the newest whole, and no key is unknown before it was given up', (t) => {
  const limits = { idempotencyBytesMax: 8_192, idempotencyKeysMax: 200 }
  fc.assert(
    fc.property(arrivals, (all) => {
      let text: string | undefined
      let nowMs = NOW_MS
      let version = 0
      const knownUntilMs = new Map<string, number>()
      for (const { key, minted, resultLength, answerLength, pauseMs } of all) {
        nowMs += pauseMs
        const before = recallIn(text ?? inRecord([]), `${key}`, nowMs)
        if (before === DIGEST_ONLY) continue
        const forgetAtMs = before?.forgetAtMs ?? nowMs + (minted ? 180_000 : HOUR_MS)
        const fingerprint = before?.fingerprint ?? (minted ? '' : 'f'.repeat(20))
        const results = [...(before?.results ?? []), { step: '=step', result: 'é'.repeat(resultLength) }]
        const answer = { status: 200, type: 'text/plain', body: '"'.repeat(answerLength) }
        const remembered = remember(
          text,
          request(`${key}`, { forgetAtMs, fingerprint, results, answer }),
          limits,
          nowMs,
          (version += 1),
        )
        text = remembered.text
        knownUntilMs.set(`${key}`, forgetAtMs)
        if (remembered.forgotten > 0 || Buffer.byteLength(text) > limits.idempotencyBytesMax) return false
        if ((recallIn(text, `${key}`, nowMs) as Remembered).results.length !== results.length) return false
        for (const [each, untilMs] of knownUntilMs)
          if (untilMs > nowMs && recallIn(text, each, nowMs) === undefined) return false
      }
      return true
    }),
    { numRuns: 60 },
  )
  t.pass()
})
