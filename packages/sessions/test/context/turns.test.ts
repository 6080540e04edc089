import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type Koa from 'koa'
import { sessionEngine } from '../../src/engine/engine.ts'
import { SessionGoneError } from '../../src/errors.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { client, shop } from '../support/shop.ts'

/** Enough to run out of tries, if each try let one through. */
const REQUESTS = 150

const add = (ctx: Koa.Context) => ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1))

/** A store that takes its time, as one on a network does. */
function setUp() {
  const store = memoryStore()
  const engines = Array.from({ length: 3 }, () => {
    const write: typeof store.write = async (key, change) => {
      await sleep(Math.random() * 2)
      return await store.write(key, change)
    }
    return sessionEngine({ store: { ...store, write }, commitTimeMaxMs: 60_000 })
  })
  return { store, engines }
}

async function crowd() {
  const { engines } = setUp()
  const [first] = engines as [(typeof engines)[0]]
  const session = first.create()
  await session.commit({ count: 0 })
  const requests = await Promise.all(
    Array.from({ length: REQUESTS }, (_, number) => (engines[number % engines.length] ?? first).open(session.id)),
  )
  return { first, session, requests: requests.filter((request) => request !== undefined) }
}

test('when many requests change one session at once on several nodes, each gets through', async (t) => {
  const { first, session, requests } = await crowd()
  const counts = await Promise.all(
    requests.map((request) => request.update(request.take(), (draft) => (draft['count'] = Number(draft['count']) + 1))),
  )
  t.is(new Set(counts).size, REQUESTS)
  t.deepEqual((await first.open(session.id))?.take(), { count: REQUESTS })
})

test('a request that fails in its turn does not stop those behind it', async (t) => {
  const { first, session, requests } = await crowd()
  const changes = requests.map((request, number) =>
    request.update(request.take(), (draft) => {
      if (number % 3 === 0) throw new Error('no')
      draft['count'] = Number(draft['count']) + 1
    }),
  )
  const failed = (await Promise.allSettled(changes)).filter(({ status }) => status === 'rejected')
  t.is(failed.length, REQUESTS / 3)
  t.deepEqual((await first.open(session.id))?.take(), { count: (REQUESTS * 2) / 3 })
})

test('requests that wait for their turn are told when their session ends', async (t) => {
  const { first, session, requests } = await crowd()
  const changes = requests.map((request) => request.update(request.take(), (draft) => (draft['x'] = Math.random())))
  await (await first.open(session.id))?.destroy()
  const outcomes = await Promise.allSettled(changes)
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as unknown)
  t.true(failures.length > 0)
  t.true(failures.every((reason) => reason instanceof SessionGoneError))
  t.is(await first.open(session.id), undefined)
})

test('of many requests that a slow store can not serve in time some are refused for now, and what was acknowledged is stored', async (t) => {
  const store = memoryStore()
  const write = store.write.bind(store)
  store.write = async (key, change) => {
    await sleep(50)
    return await write(key, change)
  }
  const url = await shop(t, { '/add': add, '/': (ctx) => ctx.session?.['count'] }, { store, commitTimeMaxMs: 2_000 })
  const browser = client(url)
  await browser.get('/add')
  const answers = await Promise.all(Array.from({ length: 60 }, () => client(url, browser.cookie).get('/add')))
  const refused = answers.filter(({ status }) => status === 503)
  t.true(refused.length > 0)
  t.true(refused.every(({ headers }) => headers.get('Retry-After') === '1'))
  t.is(answers.filter(({ status }) => status === 200).length, answers.length - refused.length)
  t.is((await browser.get('/')).body, 1 + answers.length - refused.length)
  t.is((await browser.get('/add')).status, 200)
})
