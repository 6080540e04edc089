import test, { type ExecutionContext } from 'ava'
import { Client } from '../src/users/client.ts'
import { type Operation, VirtualUser } from '../src/users/virtual-user.ts'
import { freePort } from '../src/supervise/ports.ts'
import { testShop, type TestShop } from './fixtures/shop.ts'

async function visit(
  t: ExecutionContext,
): Promise<{ shop: TestShop; user: VirtualUser; acts: (n: number) => Promise<Operation[]> }> {
  const shop = await testShop(t)
  const client = new Client(shop.url)
  t.teardown(() => client.close())
  const user = new VirtualUser({ client, name: 'user-0', password: 'password-0', run: 'r' })
  const acts = async (n: number): Promise<Operation[]> => {
    const operations: Operation[] = []
    for (let act = 0; act < n; act++) operations.push(await user.act())
    return operations
  }
  return { shop, user, acts }
}

test('a user logs in, fills the cart, looks at it, leaves, and begins anew', async (t) => {
  const { shop, user, acts } = await visit(t)
  const operations = await acts(45)
  t.true(operations.every(({ outcome, loggedOut, lost }) => outcome.end === 'ok' && !loggedOut && lost === 0))
  t.deepEqual(shop.requests.slice(0, 4), ['POST /api/login', 'POST /api/cart', 'GET /api/cart', 'POST /api/cart'])
  t.deepEqual(shop.requests.slice(40, 44), ['GET /api/cart', 'POST /api/logout', 'POST /api/login', 'POST /api/cart'])
  t.true(user.intact)
  t.deepEqual([...shop.carts.values()], [['r-user-0-21']])
})

test('an acknowledged item that is missing is lost, once', async (t) => {
  const { shop, user, acts } = await visit(t)
  await acts(6)
  const [cart] = shop.carts.values()
  cart?.splice(0, 2)
  const [look, ...later] = await acts(5)
  t.is(look?.lost, 2)
  t.is(
    later.reduce((sum, { lost }) => sum + lost, 0),
    0,
  )
  t.false(user.intact)
})

test('a user whose session is gone is logged out, logs in again, and finds out what is lost', async (t) => {
  const { shop, user, acts } = await visit(t)
  await acts(5)
  shop.carts.clear()
  const [out, login, look] = await acts(3)
  t.like(out, { outcome: { end: 'failed', kind: 'logged-out' }, loggedOut: true, lost: 0 })
  t.like(login, { outcome: { end: 'ok' }, loggedOut: false })
  t.like(look, { outcome: { end: 'ok' }, lost: 2 })
  t.false(user.intact)
})

test('a login that is refused is not a logout', async (t) => {
  const { shop, acts } = await visit(t)
  shop.meddle = (_request, response) => {
    response.writeHead(401).end('{}')
    return true
  }
  t.like((await acts(1))[0], { outcome: { end: 'failed', kind: 'login refused' }, loggedOut: false })
})

test('an item whose answer was lost may be there or not: neither is held against the shop', async (t) => {
  const { shop, user, acts } = await visit(t)
  await acts(3)
  shop.meddle = (request) => {
    if (request.method === 'POST') request.socket.destroy()
    return request.method === 'POST'
  }
  const [add] = await acts(1)
  t.like(add, { outcome: { end: 'unknown', kind: 'ECONNRESET' } })
  shop.meddle = () => false
  const operations = await acts(6)
  t.true(operations.every(({ outcome, lost }) => outcome.end === 'ok' && lost === 0))
  t.true(user.intact)
})

type End = Operation['outcome']['end']
const ends = test.macro(async (t, status: number, body: unknown, read: End, change: End) => {
  const { shop, acts } = await visit(t)
  await acts(2)
  shop.meddle = (_request, response) => {
    response.writeHead(status).end(JSON.stringify(body))
    return true
  }
  const [look] = await acts(1)
  t.is(look?.outcome.end, read)
  shop.meddle = () => false
  await acts(1)
  shop.meddle = (_request, response) => {
    response.writeHead(status).end(JSON.stringify(body))
    return true
  }
  const [add] = await acts(1)
  t.is(add?.outcome.end, change)
})

const error = (code: string): object => ({ error: { code, message: '' } })
test('refused by the shop, nothing was applied', ends, 422, error('BAD_SKU'), 'failed', 'failed')
test('no node to send it to, nothing was applied', ends, 503, error('UNAVAILABLE'), 'failed', 'failed')
test('a store that is away may have applied it', ends, 503, error('STORE_UNAVAILABLE'), 'failed', 'unknown')
test('a node that died may have applied it', ends, 502, error('BAD_GATEWAY'), 'failed', 'unknown')
test('an answer that is not JSON may be anything', ends, 500, undefined, 'failed', 'unknown')

test('where nobody listens, nothing was sent', async (t) => {
  const client = new Client(new URL(`http://127.0.0.1:${await freePort()}`))
  t.teardown(() => client.close())
  const user = new VirtualUser({ client, name: 'user-0', password: 'password-0', run: 'r' })
  t.like(await user.act(), { outcome: { end: 'failed', kind: 'ECONNREFUSED' } })
})
