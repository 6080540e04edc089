/** An answer that comes late carries no older id than the client has been given meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { StoreUnavailableError } from '../../src/errors.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { client, type Handler, KEY, shop } from '../support/shop.ts'

const NEW_KEY = 'a key of thirty-two characters, 2'

/** A handler that waits after its work until the test lets it go. */
function held(work: Handler): { handler: Handler; begun: Promise<void>; go: () => void } {
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const handler: Handler = async (ctx) => {
    const done = await work(ctx)
    begun.resolve()
    await gate.promise
    return done
  }
  return { handler, begun: begun.promise, go: gate.resolve }
}

const begin: Handler = (ctx) => void Object.assign(ctx.session ?? {}, { cart: 1 })
const login: Handler = (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' })
const regenerate: Handler = (ctx) => ctx.session?.regenerate()
const user: Handler = (ctx) => ctx.session?.['user'] ?? 'nobody'

/** A slow request goes out first, another request changes the id, and then the slow one is answered. */
async function overtaken(t: ExecutionContext, slowWork: Handler, faster: Handler): Promise<void> {
  const store = memoryStore()
  const slow = held(slowWork)
  const before = await shop(t, { '/begin': begin }, { store, keys: [KEY] })
  const routes = { '/slow': slow.handler, '/faster': faster, '/user': user }
  const after = await shop(t, routes, { store, keys: [NEW_KEY, KEY] })
  const visitor = client(before)
  await visitor.get('/begin')
  // One jar, as in a browser: cookies are taken in the order in which the answers come.
  const browser = client(after, visitor.cookie)
  const late = browser.get('/slow')
  await slow.begun
  t.is((await browser.get('/faster')).setCookie.length, 1)
  const { cookie } = browser
  slow.go()
  const answer = await late
  t.true(answer.status < 300)
  t.deepEqual(answer.setCookie, [])
  t.is(browser.cookie, cookie)
}

test('a slow read leaves the cookie of a login alone, also while the signing keys are being replaced', async (t) => {
  await overtaken(t, user, login)
})

test('a slow read leaves the cookie of a rotation alone while the signing keys are being replaced', async (t) => {
  await overtaken(t, user, regenerate)
})

test('a slow request that rotated the id before a login leaves the cookie of the login alone', async (t) => {
  await overtaken(t, regenerate, login)
})

test('a slow request with an update before a login leaves the cookie of the login alone', async (t) => {
  await overtaken(t, (ctx) => ctx.session?.update((draft) => (draft['seen'] = true)), login)
})

test('a request that begins with a rotated-away id does not seal that id anew', async (t) => {
  const store = memoryStore()
  const before = await shop(t, { '/begin': begin, '/regenerate': regenerate }, { store, keys: [KEY] })
  const tab = client(before)
  await tab.get('/begin')
  const otherTab = client(before, tab.cookie)
  await otherTab.get('/regenerate')
  const after = await shop(t, { '/cart': (ctx) => ctx.session?.['cart'] }, { store, keys: [NEW_KEY, KEY] })
  const answer = await client(after, tab.cookie).get('/cart')
  t.deepEqual([answer.body, answer.setCookie], [1, []])
  t.is((await client(after, otherTab.cookie).get('/cart')).setCookie.length, 1)
})

test('a new id that can not be checked at the end is sent all the same: the client has nothing newer', async (t) => {
  const inner = memoryStore()
  const down = new Set<string>()
  const store: typeof inner = {
    ...inner,
    read: (key) => (down.has('read') ? Promise.reject(new StoreUnavailableError('memory')) : inner.read(key)),
  }
  const rotate: Handler = async (ctx) => {
    await ctx.session?.regenerate()
    down.add('read')
    await sleep(1)
  }
  const browser = client(await shop(t, { '/begin': begin, '/rotate': rotate, '/user': user }, { store }))
  await browser.get('/begin')
  const { cookie } = browser
  const answer = await browser.get('/rotate')
  t.deepEqual([answer.status, answer.setCookie.length], [204, 1])
  t.not(browser.cookie, cookie)
  down.clear()
  t.is((await browser.get('/user')).status, 200)
})

test('after a login that came twice at once, each of its answers has an id that works', async (t) => {
  const slow = held((ctx) => ctx.session?.update('login', (draft) => (draft['user'] = 'u')))
  const store = memoryStore()
  const routes = { '/begin': begin, '/slow': slow.handler, '/login': login, '/user': user }
  const url = await shop(t, routes, { store })
  const visitor = client(url)
  await visitor.get('/begin')
  const late = client(url, visitor.cookie)
  const lateAnswer = late.get('/slow')
  await slow.begun
  // The same login again, as a balancer sends it that took the node of the first for dead.
  const again = client(url, visitor.cookie)
  t.is((await again.get('/login')).setCookie.length, 1)
  slow.go()
  t.is((await lateAnswer).setCookie.length, 1)
  t.is((await late.get('/user')).body, 'u')
  t.is((await again.get('/user')).body, 'u')
})

test('a login whose repeat has been answered and used keeps its older id to itself', async (t) => {
  const slow = held((ctx) => ctx.session?.update('login', (draft) => (draft['user'] = 'u')))
  const store = memoryStore()
  const url = await shop(t, { '/begin': begin, '/slow': slow.handler, '/login': login, '/user': user }, { store })
  const visitor = client(url)
  await visitor.get('/begin')
  const lateAnswer = client(url, visitor.cookie).get('/slow')
  await slow.begun
  const again = client(url, visitor.cookie)
  await again.get('/login')
  t.is((await again.get('/user')).body, 'u')
  slow.go()
  t.deepEqual((await lateAnswer).setCookie, [])
})
