import test from 'ava'
import fc from 'fast-check'
import { RecordUnreadableError } from '../src/errors.ts'
import { type Body, decodeBody, encodeBody, parseData } from '../src/record.ts'

const body: Body = { createdAtMs: 1_700_000_000_000, secretDigest: 'x'.repeat(43), retired: [], dataText: '{"a":1}' }

test('a body is decoded to what was encoded, whatever its data looks like', (t) => {
  const retired = fc.array(fc.record({ digest: fc.base64String(), graceUntilMs: fc.nat() }), { maxLength: 4 })
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), retired, (data, secrets) => {
      const encoded: Body = { ...body, retired: secrets, dataText: JSON.stringify(data) }
      t.deepEqual(decodeBody(encodeBody(encoded)), encoded)
    }),
  )
})

test('a body that is damaged, or of a later schema, is reported and never guessed at', (t) => {
  const text = encodeBody(body)
  const unreadable = [
    '',
    'null',
    '[]',
    text.slice(0, 30),
    text.replace('"s":1', '"s":2'),
    text.replace('"c":1700000000000,', ''),
    text.replace('"k":', '"q":'),
  ]
  for (const damaged of unreadable) t.throws(() => decodeBody(damaged), { instanceOf: RecordUnreadableError }, damaged)
  for (const damaged of [decodeBody(`${text.slice(0, -3)}}`).dataText, '{"a":', '[]', 'null', '1']) {
    t.throws(() => parseData(damaged), { instanceOf: RecordUnreadableError }, damaged)
  }
})

test("a field named __proto__ in stored data does not become anybody's prototype", (t) => {
  const data = parseData('{"__proto__":{"admin":true},"a":1}')
  t.deepEqual(Object.keys(data), ['a'])
  t.is(Object.assign({}, data)['admin' as 'a'], undefined)
})
