import test from 'ava'
import { openStore } from '@ninelives/sessions'
import { client, errorCode } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'
import { until } from '../support/until.ts'

test('a flood of visitors from one address is refused, fills no store, and users log in all the same', async (t) => {
  const store = await openStore('memory:?recordsMax=60')
  const { url } = await shopServer(t, { store })
  const shopper = client(url)
  await shopper.login('user-0')
  const answers = await Promise.all(Array.from({ length: 400 }, () => client(url).send('POST', '/api/counter')))
  const refused = answers.filter(({ status }) => status === 429)
  t.is(answers.filter(({ status }) => status === 200).length, answers.length - refused.length)
  t.true(answers.length - refused.length >= 100)
  t.true(refused.length > 0)
  for (const answer of refused) {
    t.is(errorCode(answer), 'TOO_MANY_VISITORS')
    t.truthy(answer.headers.get('Retry-After'))
  }

  t.is((await shopper.send('POST', '/api/counter')).status, 200)
  for (const name of ['user-1', 'user-2', 'user-3']) t.is((await client(url).login(name)).status, 200)
  t.is((await shopper.send('GET', '/api/cart')).status, 200)
  t.is((await shopper.send('GET', '/readyz')).status, 200)
})

test('a node whose store is full of users is not ready, because it would refuse a login', async (t) => {
  const store = await openStore('memory:?recordsMax=6')
  const { url } = await shopServer(t, { store, throttleLogins: false })
  for (let logins = 0; (await client(url).login('user-0')).status === 200; logins++) t.true(logins < 6)
  await until('a node that is not ready', async () => (await client(url).send('GET', '/readyz')).status === 503)
  t.is((await client(url).send('GET', '/healthz')).status, 200)
})
