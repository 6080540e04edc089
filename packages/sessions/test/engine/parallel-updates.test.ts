import assert from 'node:assert/strict'
import test from 'ava'
import type Koa from 'koa'
import type { SessionStore } from '../../src/contract.ts'
import { sessionEngine } from '../../src/engine/engine.ts'
import type { SessionData } from '../../src/record/data.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import type { KoaSession } from '../../src/koa/koa.ts'
import { resolve } from '../../src/record/merge.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { client, shop } from '../support/shop.ts'

/** A memory store that fails the first write with this text in its body. */
function failingOnce(text: string): SessionStore {
  const inner = memoryStore()
  let hasFailed = false
  return {
    ...inner,
    write(key, write) {
      if (hasFailed || !write.body.includes(text)) return inner.write(key, write)
      hasFailed = true
      return Promise.reject(new StoreUnavailableError('memory'))
    },
  }
}

const add =
  (field: string, amount: number) =>
  (draft: SessionData): number => {
    const sum = Number(draft[field] ?? 0) + amount
    draft[field] = sum
    return sum
  }

const begin = (ctx: Koa.Context): void => {
  ctx.session = { count: 0 }
}

function present({ session }: Koa.Context): KoaSession {
  assert(session)
  return session
}

const read = (ctx: Koa.Context): unknown => ctx.session

/** Runs the updates at once, and says of each whether it went well. */
async function outcomes(updates: readonly Promise<unknown>[]): Promise<string[]> {
  return (await Promise.allSettled(updates)).map(({ status }) => status)
}

test('an update that fails beside another leaves what a third request added as it is', async (t) => {
  const url = await shop(
    t,
    {
      '/begin': begin,
      '/': read,
      '/ten': (ctx) => ctx.session?.update(add('count', 10)),
      async '/two'(ctx) {
        const session = present(ctx)
        const outcome = await outcomes([session.update(add('count', 1)), session.update(add('second', 1))])
        await fetch(`${url}/ten`, { headers: { cookie: ctx.get('Cookie') } })
        session['field'] = 'x'
        return outcome
      },
    },
    { store: failingOnce('"second"') },
  )
  const browser = client(url)
  await browser.get('/begin')
  t.deepEqual((await browser.get('/two')).body, ['fulfilled', 'rejected'])
  t.deepEqual((await browser.get('/')).body, { count: 11, field: 'x' })
})

test('what a failed update was to write along is written by the next one, once', async (t) => {
  const url = await shop(
    t,
    {
      '/begin': begin,
      '/': read,
      async '/two'(ctx) {
        const session = present(ctx)
        session['count'] = 5
        const outcome = await outcomes([session.update(add('first', 1)), session.update(add('second', 1))])
        return { outcome, session }
      },
    },
    { store: failingOnce('"first"'), resolvers: { count: resolve.sum } },
  )
  const browser = client(url)
  await browser.get('/begin')
  t.deepEqual((await browser.get('/two')).body, {
    outcome: ['rejected', 'fulfilled'],
    session: { count: 5, second: 1 },
  })
  t.deepEqual((await browser.get('/')).body, { count: 5, second: 1 })
})

test('a save beside an update writes what the handler has changed, and not the update undone', async (t) => {
  const url = await shop(t, {
    '/begin': begin,
    '/': read,
    async '/both'(ctx) {
      const session = present(ctx)
      const updated = session.update(add('count', 1))
      session['field'] = 'x'
      return await outcomes([updated, session.save()])
    },
  })
  const browser = client(url)
  await browser.get('/begin')
  t.deepEqual((await browser.get('/both')).body, ['fulfilled', 'fulfilled'])
  t.deepEqual((await browser.get('/')).body, { count: 1, field: 'x' })
})

test('the same without an adapter: what one update wrote is not undone by the failure of the next', async (t) => {
  const engine = sessionEngine({ store: failingOnce('"second"') })
  const begun = engine.create()
  await begun.commit({ user: 'u', count: 0 })
  const opened = async () => {
    const session = await engine.open(begun.id)
    assert(session)
    return session
  }
  const session = await opened()
  let mine = session.take()
  const [first, second] = [session.update(mine, add('count', 1)), session.update(mine, add('second', 1))]
  const failure = t.throwsAsync(second, { instanceOf: StoreUnavailableError })
  await first
  mine = session.take()
  await failure
  const other = await opened()
  await other.update(other.take(), add('count', 10))
  mine['field'] = 'x'
  await session.commit(mine)
  t.deepEqual((await opened()).take(), { user: 'u', count: 11, field: 'x' })
})
