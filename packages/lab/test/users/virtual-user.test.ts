import test, { type ExecutionContext } from 'ava'
import { Client } from '../../src/users/client.ts'
import { type OperationEvent, Recorder } from '../../src/users/recorder.ts'
import { type Operation, type Turn, VirtualUser, type VirtualUserOptions } from '../../src/users/virtual-user.ts'
import { freePort } from '../../src/supervise/ports.ts'
import { testShop, type TestShop } from '../fixtures/shop.ts'

interface Visit {
  readonly shop: TestShop
  readonly user: VirtualUser
  readonly recorded: OperationEvent[]
  /** So many operations, one after the other; a draw of 0.9 is neither a count nor anything strange. */
  readonly acts: (n: number, draws?: number) => Promise<Operation[]>
}

function virtualUser(
  url: URL,
  t: ExecutionContext,
  habits: Pick<VirtualUserOptions, 'readShare'> = {},
): { user: VirtualUser; recorded: OperationEvent[] } {
  const client = new Client(url)
  t.teardown(() => client.close())
  const recorded: OperationEvent[] = []
  const recorder = new Recorder({
    now: () => performance.now(),
    report: (events) => recorded.push(...events),
    firstOp: 0,
  })
  const user = new VirtualUser({ client, recorder, name: 'user-0', password: 'password-0', run: 'r', ...habits })
  return { user, recorded }
}

function turn(draw: number, tab = 0): Turn {
  return { tab, dueAtMs: 0, lateMs: 0, random: () => draw }
}

async function visit(t: ExecutionContext, habits?: Pick<VirtualUserOptions, 'readShare'>): Promise<Visit> {
  const shop = await testShop(t)
  const { user, recorded } = virtualUser(shop.url, t, habits)
  const acts = async (n: number, draw = 0.9): Promise<Operation[]> => {
    const operations: Operation[] = []
    for (let act = 0; act < n; act++) operations.push(await user.act(turn(draw)))
    return operations
  }
  return { shop, user, recorded, acts }
}

test('a user logs in, fills the cart, reads it, logs out, and begins again', async (t) => {
  const { shop, user, acts } = await visit(t)
  const operations = await acts(45)
  t.true(operations.every(({ outcome, loggedOut, lost }) => outcome.end === 'ok' && !loggedOut && lost === 0))
  t.deepEqual(shop.requests.slice(0, 4), ['POST /api/login', 'POST /api/cart', 'GET /api/cart', 'POST /api/cart'])
  t.deepEqual(shop.requests.slice(40, 44), ['GET /api/cart', 'POST /api/logout', 'POST /api/login', 'POST /api/cart'])
  t.true(user.intact)
  t.deepEqual([...shop.carts.values()], [['r.user-0.2.1']])
})

test('with a read share a user does not read after each put', async (t) => {
  const { shop, acts } = await visit(t, { readShare: 0.5 })
  await acts(4)
  await acts(2, 0.4)
  t.deepEqual(shop.requests, [
    'POST /api/login',
    ...Array.from({ length: 3 }, () => 'POST /api/cart'),
    ...Array.from({ length: 2 }, () => 'GET /api/cart'),
  ])
})

test('a 401 is a success for return and forge', async (t) => {
  const { shop, user, acts } = await visit(t)
  await acts(2)
  const cart = [...shop.carts.values()][0]?.length
  await acts(1)
  // Below the share of the strange, above that of the counts.
  const [strange] = await acts(1, 0.15)
  t.like(strange, { outcome: { end: 'ok' }, loggedOut: false, lost: 0 })
  t.is([...shop.carts.values()][0]?.length, cart)
  t.true(user.loggedIn)
})

test('a user whose every operation is refused logs out nevertheless', async (t) => {
  const { shop, acts } = await visit(t)
  shop.meddle = ({ method, url }, response) => {
    const isPut = method === 'POST' && url === '/api/cart'
    if (isPut) response.writeHead(422).end('{}')
    return isPut
  }
  await acts(82)
  t.deepEqual(shop.requests.slice(-2), ['GET /api/cart', 'POST /api/logout'])
})

test('while one tab logs in, another does not', async (t) => {
  const { shop, user } = await visit(t)
  await Promise.all([user.act(turn(0.9, 0)), user.act(turn(0.9, 1))])
  t.deepEqual(shop.requests.toSorted(), ['GET /api/cart', 'POST /api/login'])
})

test('a session that was missing for a moment is used again', async (t) => {
  const { shop, user, acts } = await visit(t)
  await acts(3)
  shop.meddle = (_request, response) => {
    response.writeHead(401).end('{}')
    return true
  }
  t.like((await acts(1))[0], { loggedOut: true })
  t.like((await acts(1))[0], { loggedOut: false, outcome: { end: 'failed' } })
  shop.meddle = () => false
  t.like((await acts(1))[0], { outcome: { end: 'ok' }, lost: 0 })
  t.true(user.loggedIn)
  t.false(shop.requests.slice(1).includes('POST /api/login'))
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

test('a user with a lost session logs in again, and sees what is lost', async (t) => {
  const { shop, user, acts } = await visit(t)
  await acts(5)
  shop.carts.clear()
  const [out, again, sure, login, look] = await acts(5)
  t.like(out, { outcome: { end: 'failed', kind: 'logged-out' }, loggedOut: true, lost: 0 })
  t.like([again, sure], [{ loggedOut: false }, { loggedOut: false }], 'it is told once')
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

test('an item whose put had no answer may be there or not', async (t) => {
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

test('a refused connection means not sent', async (t) => {
  const { user } = virtualUser(new URL(`http://127.0.0.1:${await freePort()}`), t)
  t.like(await user.act(turn(0.9)), { outcome: { end: 'failed', kind: 'ECONNREFUSED' } })
})
