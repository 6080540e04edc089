import test from 'ava'
import fc from 'fast-check'
import { merge } from '../src/merge.ts'
import type { SessionData } from '../src/record.ts'

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

const fields = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.jsonValue())

test('merging is the identity where one side did nothing', (t) => {
  fc.assert(
    fc.property(fields, fields, (base, changed) => {
      t.deepEqual(merge(base, changed, base), changed)
      t.deepEqual(merge(base, base, changed), changed)
    }),
  )
})

test('every field of a merge is what one of the two sides made of it', (t) => {
  fc.assert(
    fc.property(fields, fields, fields, (base, mine, theirs) => {
      const merged = merge(base, mine, theirs)
      for (const field of ['a', 'b', 'c', 'd']) {
        const sides = [JSON.stringify(mine[field]), JSON.stringify(theirs[field])]
        t.true(sides.includes(JSON.stringify(merged[field])))
      }
    }),
  )
})
