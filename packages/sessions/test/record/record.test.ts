import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { RecordUnreadableError } from '../../src/errors.ts'
import { decodeData } from '../../src/record/data.ts'
import { type Body, decodeBody, encodeBody, userInBody } from '../../src/record/record.ts'
import { userTag } from '../../src/secrets/id.ts'

const body: Body = {
  createdAtMs: 1_700_000_000_000,
  usedAtMs: undefined,
  secretDigest: 'x'.repeat(22),
  user: undefined,
  epoch: 0,
  retired: [],
  answersText: undefined,
  dataText: '{"a":1}',
}

test('the user of a body is found beside a maxAge with a fraction of a millisecond', (t) => {
  const user = userTag('u')
  for (const maxAgeMs of [0, 60_000, 60_000.5]) t.is(userInBody(encodeBody({ ...body, user, maxAgeMs })), user)
})

test('a body is decoded to what was encoded, whatever its data looks like', (t) => {
  const retired = fc.array(
    fc.record(
      {
        digest: fc.base64String(),
        superseded: fc.boolean(),
        retiredAtMs: fc.nat(),
        graceUntilMs: fc.option(fc.integer({ min: 1 }), { nil: undefined }),
      },
      { noNullPrototype: true },
    ),
    { maxLength: 4 },
  )
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }),
      retired,
      fc.json(),
      (data, secrets, answers) => {
        const encoded: Body = {
          ...body,
          user: userTag('u'),
          epoch: 3,
          retired: secrets,
          answersText: JSON.stringify(answers),
          dataText: JSON.stringify(data),
        }
        assert.deepEqual(decodeBody(encodeBody(encoded)), encoded)
      },
    ),
  )
  t.pass()
})

test('a body that is damaged, or of a later schema, is reported and never guessed at', (t) => {
  const text = encodeBody(body)
  const unreadable = [
    '',
    'null',
    '[]',
    text.slice(0, 30),
    text.replace('{', '{"s":2,'),
    text.replace(/"k":"x+\w+",/, ''),
    text.replace(/"k":"x+\w+"/, '"k":"xx"'),
    text.replace('"k":', '"q":'),
  ]
  for (const damaged of unreadable) t.throws(() => decodeBody(damaged), { instanceOf: RecordUnreadableError }, damaged)
  for (const damaged of [decodeBody(`${text.slice(0, -3)}}`).dataText, '{"a":', '[]', 'null', '1']) {
    t.throws(() => decodeData(damaged), { instanceOf: RecordUnreadableError }, damaged)
  }
})

test('a field named __proto__ in stored data does not become a prototype', (t) => {
  const data = decodeData('{"__proto__":{"admin":true},"a":1}')
  t.deepEqual(Object.keys(data), ['a'])
  t.is(Object.assign({}, data)['admin' as 'a'], undefined)
})
