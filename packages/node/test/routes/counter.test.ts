import test from 'ava'
import { client } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

test('the counter counts for visitors and users, from one', async (t) => {
  const visitor = client((await shopServer(t)).url)
  t.deepEqual((await visitor.send('POST', '/api/counter')).body, { count: 1, node: 'a' })
  t.deepEqual((await visitor.send('POST', '/api/counter')).body, { count: 2, node: 'a' })
  t.deepEqual((await client((await shopServer(t)).url).send('POST', '/api/counter')).body, { count: 1, node: 'a' })
})

test('no count is skipped or repeated under concurrency', async (t) => {
  const { url } = await shopServer(t)
  const visitor = client(url)
  await visitor.login('user-0')
  const beats = 12
  const answers = await Promise.all([
    ...Array.from({ length: beats }, () => client(url, visitor.cookie).send('POST', '/api/counter')),
    client(url, visitor.cookie).send('POST', '/api/cart', { sku: 'box' }),
  ])
  const counts = answers.slice(0, beats).map(({ body }) => (body as { count: number }).count)
  t.deepEqual(
    counts.toSorted((left, right) => left - right),
    Array.from({ length: beats }, (_, index) => index + 1),
  )
  t.like((await visitor.send('GET', '/api/cart')).body, { items: [{ sku: 'box', quantity: 1 }] })
})
