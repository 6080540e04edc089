/** A cart that is an array: two tabs that add, remove and change items at once lose none of one another's. */
import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import type Koa from 'koa'
import { merge, resolve } from '../../src/record/merge.ts'
import { mergeItems, type MergeItemsOptions } from '../../src/record/merge-items.ts'
import { SessionOptionsError } from '../../src/options.ts'
import { gathering } from '../support/each-middleware.ts'
import { client, type Handler, shop } from '../support/shop.ts'

interface Item {
  readonly sku: string
  readonly quantity: number
}

const cart = mergeItems({ key: 'sku', fields: { quantity: resolve.sum } })
const item = (sku: string, quantity = 1): Item => ({ sku, quantity })

const items = fc.uniqueArray(
  fc.record({ sku: fc.constantFrom('a', 'b', 'c', '__proto__', '1'), quantity: fc.integer({ min: 0, max: 9 }) }),
  { selector: ({ sku }) => sku },
)

const quantities = (list: unknown): Map<string, number> =>
  new Map((list as Item[]).map(({ sku, quantity }) => [sku, quantity]))

const cases: readonly { what: string; base: Item[]; mine: Item[]; theirs: Item[]; merged: Item[] }[] = [
  {
    what: 'each added one',
    base: [item('a')],
    mine: [item('a'), item('b')],
    theirs: [item('a'), item('c')],
    merged: [item('a'), item('c'), item('b')],
  },
  {
    what: 'one removed, the other added',
    base: [item('a')],
    mine: [],
    theirs: [item('a'), item('b')],
    merged: [item('b')],
  },
  { what: 'both added the same', base: [], mine: [item('a', 2)], theirs: [item('a', 3)], merged: [item('a', 5)] },
  {
    what: 'both added to it',
    base: [item('a', 1)],
    mine: [item('a', 2)],
    theirs: [item('a', 4)],
    merged: [item('a', 5)],
  },
  {
    what: 'it was removed and then changed',
    base: [item('a')],
    mine: [item('a', 2)],
    theirs: [],
    merged: [item('a', 2)],
  },
  { what: 'it was changed and then removed', base: [item('a')], mine: [], theirs: [item('a', 2)], merged: [] },
]

for (const { what, base, mine, theirs, merged } of cases) {
  test(`items: ${what}`, (t) => {
    t.deepEqual(cart({ base, mine, theirs }), merged)
  })
}

test('items: an item is lost only if one of the two removed it, and every change of a quantity counts', (t) => {
  fc.assert(
    fc.property(items, items, items, (base, mine, theirs) => {
      const [before, ours, others, all] = [base, mine, theirs, cart({ base, mine, theirs })].map(quantities) as [
        Map<string, number>,
        Map<string, number>,
        Map<string, number>,
        Map<string, number>,
      ]
      for (const sku of new Set([...ours.keys(), ...others.keys()])) {
        const [was, my, their] = [before.get(sku), ours.get(sku), others.get(sku)]
        if (my !== undefined && their !== undefined) assert.equal(all.get(sku), my + their - (was ?? 0))
        else if (was === undefined) assert.equal(all.get(sku), my ?? their)
        else if (my === undefined || my === was) assert(!all.has(sku))
        else assert.equal(all.get(sku), my)
      }
      assert([...all.keys()].every((sku) => ours.has(sku) || others.has(sku)))
    }),
  )
  t.pass()
})

test('items: what only one side changed is as that side has it, in its order', (t) => {
  fc.assert(
    fc.property(items, items, (base, changed) => {
      const resolvers = { cart }
      assert.deepEqual(merge({ cart: base }, { cart: changed }, { cart: base }, resolvers)['cart'], changed)
      assert.deepEqual(merge({ cart: base }, { cart: base }, { cart: changed }, resolvers)['cart'], changed)
      assert.deepEqual(cart({ base, mine: base, theirs: changed }), changed)
    }),
  )
  t.pass()
})

const line = (size: number, note = ''): object => ({ sku: 'shoe', size, note, gift: false })

test('items: without a resolver a field of an item is as the later request has it; a key may be of several fields', (t) => {
  const lines = mergeItems({ key: ({ sku, size }) => [sku, size] })
  t.deepEqual(
    lines({
      base: [line(42)],
      mine: [line(42, 'mine'), line(43)],
      theirs: [{ ...line(42, 'theirs'), gift: true }, line(44)],
    }),
    [{ ...line(42, 'mine'), gift: true }, line(44), line(43)],
  )
  t.deepEqual(lines({ base: undefined, mine: [line(1)], theirs: undefined }), [line(1)])
})

test('items: options and arrays that can not be merged are refused in words', (t) => {
  const refused = (options: unknown, message: RegExp) =>
    t.throws(() => mergeItems(options as MergeItemsOptions), { instanceOf: SessionOptionsError, message })
  refused({}, /needs the option key: the field that tells items apart, such as 'sku'/)
  refused({ key: 5 }, /key takes a text that is not empty, or a function, not 5/)
  refused({ key: 'sku', fields: { quantity: 'sum' } }, /fields takes an object, each value a function/)
  const values = { base: [], theirs: [] }
  t.throws(() => cart({ ...values, mine: [{ quantity: 1 }] }), { message: /the item at 0 has no key/ })
  t.throws(() => cart({ ...values, mine: ['a'] }), { message: /the item at 0 has no key/ })
  t.throws(() => cart({ ...values, mine: [item('a'), item('a')] }), { message: /two items have the key "a"/ })
})

test('two tabs that add to a cart at once lose none of the items', async (t) => {
  const gather = gathering(2)
  const add: Handler = async (ctx: Koa.Context) => {
    const lines = (ctx.session['cart'] ?? []) as Item[]
    await gather()
    ctx.session['cart'] = [...lines, item(String(ctx.query['sku'])), item('both')]
  }
  const routes: Record<string, Handler> = {
    '/begin': (ctx) => void Object.assign(ctx.session, { user: 'u' }),
    '/add': add,
    '/': (ctx) => ctx.session['cart'],
  }
  const origin = await shop(t, routes, { resolvers: { cart } })
  const tab = client(origin)
  await tab.get('/begin')
  const other = client(origin, tab.cookie)
  await Promise.all([tab.get('/add?sku=a'), other.get('/add?sku=b')])
  const lines = [...quantities((await tab.get('/')).body)].map(([sku, quantity]) => `${sku} ${quantity}`)
  t.deepEqual(lines.sort(), ['a 1', 'b 1', 'both 2'])
})
