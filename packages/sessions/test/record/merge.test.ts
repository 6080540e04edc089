import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { merge, resolve } from '../../src/record/merge.ts'
import type { SessionData } from '../../src/record/data.ts'

const cases: readonly {
  what: string
  base: SessionData
  mine: SessionData
  theirs: SessionData
  merged: SessionData
}[] = [
  { what: 'nothing changed', base: { a: 1 }, mine: { a: 1 }, theirs: { a: 1 }, merged: { a: 1 } },
  { what: 'only I changed', base: { a: 1 }, mine: { a: 2 }, theirs: { a: 1 }, merged: { a: 2 } },
  { what: 'only they changed', base: { a: 1 }, mine: { a: 1 }, theirs: { a: 3 }, merged: { a: 3 } },
  { what: 'each changed another field', base: {}, mine: { a: 1 }, theirs: { b: 2 }, merged: { a: 1, b: 2 } },
  {
    what: 'both changed one field: the later writer',
    base: { a: 1 },
    mine: { a: 2 },
    theirs: { a: 3 },
    merged: { a: 2 },
  },
  { what: 'I deleted what they left', base: { a: 1, b: 1 }, mine: { b: 1 }, theirs: { a: 1, b: 1 }, merged: { b: 1 } },
  { what: 'they deleted what I left', base: { a: 1, b: 1 }, mine: { a: 1, b: 1 }, theirs: { b: 1 }, merged: { b: 1 } },
  { what: 'I changed what they deleted', base: { a: 1 }, mine: { a: 2 }, theirs: {}, merged: { a: 2 } },
  { what: 'null is a value', base: { a: 1 }, mine: { a: null }, theirs: { a: 1 }, merged: { a: null } },
]

for (const { what, base, mine, theirs, merged } of cases) {
  test(`merge: ${what}`, (t) => {
    t.deepEqual(merge(base, mine, theirs), merged)
  })
}

const fields = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.jsonValue(), { noNullPrototype: true })

test('merging is the identity where one side did nothing', (t) => {
  fc.assert(
    fc.property(fields, fields, (base, changed) => {
      assert.deepEqual(merge(base, changed, base), changed)
      assert.deepEqual(merge(base, base, changed), changed)
    }),
  )
  t.pass()
})

test('every field of a merge is what one of the two sides made of it', (t) => {
  fc.assert(
    fc.property(fields, fields, fields, (base, mine, theirs) => {
      const merged = merge(base, mine, theirs)
      for (const field of ['a', 'b', 'c', 'd']) {
        const sides = [JSON.stringify(mine[field]), JSON.stringify(theirs[field])]
        assert(sides.includes(JSON.stringify(merged[field])))
      }
    }),
  )
  t.pass()
})

test('a declared resolver decides what both sides changed, and only that', (t) => {
  const resolvers = {
    seen: resolve.max,
    least: resolve.min,
    points: resolve.sum,
    tags: resolve.union,
    first: resolve.first,
  }
  const base = { seen: 1, least: 9, points: 10, tags: ['a', 'b'], first: 'base', plain: 0 }
  const mine = { seen: 5, least: 3, points: 13, tags: ['a', 'c'], first: 'mine', plain: 1 }
  const theirs = { seen: 4, least: 2, points: 11, tags: ['a', 'b', 'd'], first: 'theirs', plain: 2 }
  t.deepEqual(merge(base, mine, theirs, resolvers), {
    seen: 5,
    least: 2,
    points: 14,
    tags: ['a', 'd', 'c'],
    first: 'theirs',
    plain: 1,
  })
  t.deepEqual(merge(base, { ...base, first: 'mine' }, base, resolvers), { ...base, first: 'mine' })
})

test('a value named __proto__ is a value like any other, and becomes the prototype of nothing', (t) => {
  const theirs = JSON.parse('{"sku":"x","__proto__":{"free":true}}') as Record<string, unknown>
  const merged = merge({ sku: 'x' }, { sku: 'x', quantity: 2 }, theirs)
  t.is(Object.getPrototypeOf(merged), Object.prototype)
  t.is(JSON.stringify(merged), '{"sku":"x","__proto__":{"free":true},"quantity":2}')
})

test('the resolver reject fails the later request with both values', (t) => {
  const resolvers = { price: resolve.reject }
  const error = t.throws(() => merge({ price: 1 }, { price: 2 }, { price: 3 }, resolvers), { code: 'SESSION_CONFLICT' })
  t.like(error, { mine: 2, theirs: 3 })
  t.deepEqual(merge({ price: 1 }, { price: 2 }, { price: 1 }, resolvers), { price: 2 })
})
