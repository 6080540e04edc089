import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { decodeData, encodeData } from '../../src/record/data.ts'
import { SessionTooLargeError, SessionValueError } from '../../src/errors.ts'
import { begun } from '../support/engine.ts'

test('plain data comes back as it was', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (data) => {
      const { ['__proto__']: _dropped, ...expected } = JSON.parse(JSON.stringify(data)) as Record<string, unknown>
      assert.deepEqual(decodeData(encodeData(data)), expected)
    }),
  )
  t.pass()
})

test('a Date comes back as a Date, wherever it stands', (t) => {
  const at = new Date('2030-01-02T03:04:05.678Z')
  const data = { at, list: [{ at }], text: '$date', number: { $date: 1 }, more: { $date: 'x', y: 1 } }
  t.deepEqual(decodeData(encodeData(data)), data)
})

const refused: Readonly<Record<string, { data: Record<string, unknown>; path: string; what: RegExp }>> = {
  'a Map': { data: { a: { m: new Map() } }, path: 'a.m', what: /a Map/ },
  'a Set in an array': { data: { list: [1, new Set()] }, path: 'list.1', what: /a Set/ },
  NaN: { data: { n: Number.NaN }, path: 'n', what: /NaN/ },
  Infinity: { data: { n: -Infinity }, path: 'n', what: /-Infinity/ },
  'a BigInt': { data: { n: 1n }, path: 'n', what: /a bigint/ },
  'a function': { data: { f: () => {} }, path: 'f', what: /a function/ },
  'a Buffer': { data: { b: Buffer.from('b') }, path: 'b', what: /a Buffer/ },
  'a URL': { data: { u: new URL('http://localhost') }, path: 'u', what: /a URL/ },
  'what would come back as a Date': { data: { at: { $date: 'x' } }, path: 'at', what: /like a Date/ },
  'undefined in an array': {
    data: { list: [1, undefined, 3] },
    path: 'list.1',
    what: /undefined in an array.*Use null/,
  },
  // oxlint-disable-next-line no-sparse-arrays
  'a hole in an array': { data: { a: { list: [1, , 3] } }, path: 'a.list.1', what: /undefined in an array/ },
  'a property of an array': {
    data: { list: Object.assign([1], { extra: 'x' }) },
    path: 'list.extra',
    what: /a property of an array/,
  },
  'an array for its property and hole': {
    data: { list: Object.assign([1, undefined], { extra: 'x' }) },
    path: 'list.1',
    what: /undefined/,
  },
  'an invalid Date': { data: { at: new Date('never') }, path: 'at', what: /invalid Date/ },
}

for (const [name, { data, path, what }] of Object.entries(refused)) {
  test(`${name} would not come back as it is, and is refused with its path`, (t) => {
    const error = t.throws(() => encodeData(data), { instanceOf: SessionValueError, message: what })
    t.is(error.path, path)
  })
}

test('an undefined property of an object is an absent one', (t) => {
  t.deepEqual(decodeData(encodeData({ o: { a: undefined }, b: undefined })), { o: {} })
})

test('a circle is refused', (t) => {
  const data: Record<string, unknown> = {}
  data['self'] = data
  t.throws(() => encodeData(data), { instanceOf: SessionValueError, message: /circle/ })
})

test('a session over its size is refused with its largest fields, and the stored one is unharmed', async (t) => {
  const { reopen, session } = await begun({ small: 1 }, { dataBytesMax: 1_000 })
  const opened = await reopen(session)
  const change = opened.commit({ small: 1, middle: 'x'.repeat(300), large: '김'.repeat(300) })
  const error = await t.throwsAsync(change, { instanceOf: SessionTooLargeError, code: 'SESSION_TOO_LARGE' })
  t.deepEqual(
    error.largest.map(({ field }) => field),
    ['large', 'middle', 'small'],
  )
  t.deepEqual((await reopen(session)).take(), { small: 1 })
})
