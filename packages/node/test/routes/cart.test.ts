import test from 'ava'
import { addTo, type Cart, ITEMS_MAX, itemsOf, QUANTITY_TOTAL_MAX } from '../../src/shop/cart.ts'
import { SESSION_BYTES_MAX } from '../../src/shop.ts'
import { client, errorCode } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

test('a cart is empty, is filled, adds up, and is emptied', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.login('user-0')
  const shape = { user: 'user-0', node: 'a' }
  t.deepEqual((await visitor.send('GET', '/api/cart')).body, { ...shape, items: [], version: 1 })
  t.deepEqual((await visitor.send('POST', '/api/cart', { sku: 'box' })).body, {
    ...shape,
    items: [{ sku: 'box', quantity: 1 }],
    version: 2,
  })
  t.deepEqual((await visitor.send('POST', '/api/cart', { sku: 'box', quantity: 4 })).body, {
    ...shape,
    items: [{ sku: 'box', quantity: 5 }],
    version: 3,
  })
  await visitor.send('POST', '/api/cart', { sku: 'yarn', quantity: 999 })
  const removed = await visitor.send('DELETE', '/api/cart/box')
  t.is(removed.status, 200)
  t.deepEqual(removed.body, { ...shape, items: [{ sku: 'yarn', quantity: 999 }], version: 5 })
})

test('removing what is not there changes nothing', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.login('user-0')
  await visitor.send('POST', '/api/cart', { sku: 'box' })
  const removed = await visitor.send('DELETE', '/api/cart/yarn')
  t.is(removed.status, 200)
  t.like(removed.body, { items: [{ sku: 'box', quantity: 1 }] })
})

test('skus that mean something to JavaScript are skus, and the order is that of adding', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.login('user-0')
  const skus = ['__proto__', '10', 'constructor', '2', 'toString', '_hidden', 'length', '__proto__']
  for (const sku of skus) await visitor.send('POST', '/api/cart', { sku })
  t.deepEqual((await visitor.send('GET', '/api/cart')).body, {
    user: 'user-0',
    items: [
      { sku: '__proto__', quantity: 2 },
      ...['10', 'constructor', '2', 'toString', '_hidden', 'length'].map((sku) => ({ sku, quantity: 1 })),
    ],
    node: 'a',
    version: 9,
  })
  t.like((await visitor.send('DELETE', '/api/cart/__proto__')).body, { items: { length: 6 } })
})

for (const method of ['GET', 'POST'] as const) {
  test(`a cart needs a login: ${method}`, async (t) => {
    const visitor = client((await shopServer(t)).url)
    const answer = await visitor.send(method, '/api/cart', method === 'POST' ? { sku: 'box' } : undefined)
    t.is(answer.status, 401)
    t.is(errorCode(answer), 'NOT_LOGGED_IN')
  })
}

test('a cart needs a login: DELETE', async (t) => {
  t.is((await client((await shopServer(t)).url).send('DELETE', '/api/cart/box')).status, 401)
})

for (const [payload, code] of [
  [{}, 'BAD_SKU'],
  [{ sku: '' }, 'BAD_SKU'],
  [{ sku: 'two words' }, 'BAD_SKU'],
  [{ sku: '고양이' }, 'BAD_SKU'],
  [{ sku: 's'.repeat(65) }, 'BAD_SKU'],
  [{ sku: 12 }, 'BAD_SKU'],
  [{ sku: 'box', quantity: 0 }, 'BAD_QUANTITY'],
  [{ sku: 'box', quantity: -1 }, 'BAD_QUANTITY'],
  [{ sku: 'box', quantity: 1000 }, 'BAD_QUANTITY'],
  [{ sku: 'box', quantity: 1.5 }, 'BAD_QUANTITY'],
  [{ sku: 'box', quantity: '2' }, 'BAD_QUANTITY'],
  [{ sku: 'box', quantity: null }, 'BAD_QUANTITY'],
  [['box'], 'NOT_AN_OBJECT'],
] as const) {
  test(`422 ${code}: ${JSON.stringify(payload).slice(0, 50)}`, async (t) => {
    const visitor = client((await shopServer(t)).url)
    await visitor.login('user-0')
    const answer = await visitor.send('POST', '/api/cart', payload)
    t.is(answer.status, 422)
    t.is(errorCode(answer), code)
    t.like((await visitor.send('GET', '/api/cart')).body, { items: [], version: 1 })
  })
}

test('a bad sku can not be removed either', async (t) => {
  const visitor = client((await shopServer(t)).url)
  await visitor.login('user-0')
  for (const sku of ['two%20words', '%E0%A4%A', 's'.repeat(65)]) {
    t.is((await visitor.send('DELETE', `/api/cart/${sku}`)).status, 422, sku)
  }
})

test('two tabs that add at once both have added', async (t) => {
  const { url } = await shopServer(t)
  const visitor = client(url)
  await visitor.login('user-0')
  const skus = Array.from({ length: 12 }, (_, index) => `sku-${index}`)
  const answers = await Promise.all(skus.map((sku) => client(url, visitor.cookie).send('POST', '/api/cart', { sku })))
  for (const answer of answers) t.is(answer.status, 200)
  const { items, version } = (await visitor.send('GET', '/api/cart')).body as {
    items: { sku: string }[]
    version: number
  }
  t.deepEqual(items.map(({ sku }) => sku).sort(), skus.toSorted())
  t.is(version, 1 + skus.length)
})

test('a cart has a bounded number of different items', (t) => {
  const cart: Cart = {}
  for (let number = 0; number < ITEMS_MAX; number++) addTo(cart, `sku-${number}`, 1)
  t.throws(() => addTo(cart, 'one-more', 1), { code: 'CART_FULL' })
  t.notThrows(() => addTo(cart, 'sku-0', 1))
  t.is(itemsOf(cart).length, ITEMS_MAX)
})

test('the fullest cart fits into a session', (t) => {
  const cart: Cart = {}
  for (let number = 0; number < ITEMS_MAX; number++) addTo(cart, String(number).padStart(64, 's'), QUANTITY_TOTAL_MAX)
  t.true(JSON.stringify({ user: 'user-99999', cart }).length < SESSION_BYTES_MAX)
})

test("an item's quantity has a bound", (t) => {
  const cart: Cart = {}
  addTo(cart, 'box', QUANTITY_TOTAL_MAX)
  t.throws(() => addTo(cart, 'box', 1), { code: 'QUANTITY_TOO_LARGE' })
  t.deepEqual(itemsOf(cart), [{ sku: 'box', quantity: QUANTITY_TOTAL_MAX }])
})
