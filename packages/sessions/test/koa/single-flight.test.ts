/** `session.single()`: a function that runs once for a session, and requests that wait for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { SingleOptions } from '../../src/engine/single-flight.ts'
import type { EngineEvent } from '../../src/context/engine-options.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { client, type Handler, shop } from '../support/shop.ts'
import { until } from '../support/until.ts'

const login =
  (user: string): Handler =>
  (ctx) => {
    Object.assign(ctx.session ?? {}, { user })
  }

/** Routes whose function takes 100 ms, and counts its runs. */
function counted(options: SingleOptions = {}) {
  let runs = 0
  const refresh: Handler = (ctx) =>
    ctx.session?.single(
      'refresh',
      async () => {
        const run = ++runs
        await sleep(100)
        return { run, at: new Date(0) }
      },
      options,
    )
  return { routes: { '/login': login('u'), '/other': login('v'), '/refresh': refresh }, runs: () => runs }
}

test('requests at the same time get the result of one run', async (t) => {
  const { routes, runs } = counted()
  const browser = client(await shop(t, routes))
  await browser.get('/login')
  const answers = await Promise.all(Array.from({ length: 8 }, () => browser.get('/refresh')))
  for (const { body } of answers) t.deepEqual(body, { run: 1, at: '1970-01-01T00:00:00.000Z' })
  t.is(runs(), 1)
})

test('a request soon after gets the same result, and one later runs again', async (t) => {
  const { routes, runs } = counted({ keepMs: 5_000 })
  const time = { nowMs: Date.now() }
  const browser = client(await shop(t, routes, { clock: { now: () => time.nowMs } }))
  await browser.get('/login')
  await browser.get('/refresh')
  time.nowMs += 4_999
  t.like((await browser.get('/refresh')).body, { run: 1 })
  time.nowMs += 1
  t.like((await browser.get('/refresh')).body, { run: 2 })
  t.is(runs(), 2)
})

test('other sessions, and another user of the same client, have runs of their own', async (t) => {
  const { routes, runs } = counted()
  const origin = await shop(t, routes)
  const browser = client(origin)
  const stranger = client(origin)
  await browser.get('/login')
  await stranger.get('/login')
  await browser.get('/refresh')
  t.like((await stranger.get('/refresh')).body, { run: 2 })
  await browser.get('/other')
  t.like((await browser.get('/refresh')).body, { run: 3 })
  t.is(runs(), 3)
})

test('a failure is told to those that wait, and the next request runs again', async (t) => {
  let runs = 0
  let asked = 0
  const refresh: Handler = (ctx) => {
    asked++
    return ctx.session?.single('refresh', async () => {
      if (++runs > 1) return runs
      await until('the others to wait', () => asked === 3)
      await sleep(1_000)
      throw new Error('the provider said no: secret')
    })
  }
  const browser = client(await shop(t, { '/login': login('u'), '/refresh': refresh }))
  await browser.get('/login')
  const answers = await Promise.all([browser.get('/refresh'), browser.get('/refresh'), browser.get('/refresh')])
  t.deepEqual(
    answers.map(({ status }) => status).sort((one, other) => one - other),
    [500, 503, 503],
  )
  t.false(answers.some(({ body }) => String(body).includes('secret')))
  t.is(runs, 1)
  t.is((await browser.get('/refresh')).body, 2)
})

test('a function that throws nothing or an object without a text has failed, and the next request runs again', async (t) => {
  const thrown: unknown[] = [undefined, null, { message: new Map() }]
  let runs = 0
  let asked = 0
  const refresh: Handler = (ctx) => {
    asked++
    return ctx.session?.single('refresh', async () => {
      if (++runs > thrown.length) return 'done'
      await until('the other to wait', () => asked === 2 * runs)
      await sleep(1_000)
      throw thrown[runs - 1]
    })
  }
  const catching: Handler = async (ctx) => {
    try {
      return await refresh(ctx)
    } catch (error) {
      return { code: (error as { code?: string } | undefined)?.code }
    }
  }
  const browser = client(await shop(t, { '/login': login('u'), '/refresh': catching }))
  await browser.get('/login')
  for (const [n] of thrown.entries()) {
    const answers = await Promise.all([browser.get('/refresh'), browser.get('/refresh')])
    const codes = answers.map(({ body }) => (body as { code?: string }).code ?? 'thrown').sort()
    t.deepEqual(codes, ['SINGLE_FAILED', 'thrown'])
    t.is(runs, n + 1)
  }
  t.is((await browser.get('/refresh')).body, 'done')
})

test('a function that throws at once fails its request and no other, also where the store is slow to keep that', async (t) => {
  const store = memoryStore()
  const write = store.write.bind(store)
  let isSlow = false
  store.write = async (key, change) => {
    // Beyond the time that the function may take.
    if (isSlow) await sleep(200)
    return await write(key, change)
  }
  const run = () => {
    isSlow = true
    throw new Error('at once')
  }
  const errors: unknown[] = []
  const refresh: Handler = async (ctx) => {
    await ctx.session?.single('refresh', run, { timeoutMs: 50 }).catch((error: unknown) => errors.push(error))
  }
  const browser = client(await shop(t, { '/login': login('u'), '/refresh': refresh }, { store }))
  await browser.get('/login')
  await browser.get('/refresh')
  t.like(errors, [{ message: 'at once' }])
})

test('a renewal that arrived without an answer does not hide the result from those that wait', async (t) => {
  const store = memoryStore()
  const write = store.write.bind(store)
  let lost = 0
  store.write = async (key, change) => {
    const written = await write(key, change)
    const isFirstRenewal = change.expectedVersion > 0 && change.body.includes('running') && lost++ === 0
    if (isFirstRenewal) throw new StoreUnavailableError('memory', new Error('the answer was lost'))
    return written
  }
  let runs = 0
  let asked = 0
  const refresh: Handler = (ctx) => {
    asked++
    return ctx.session?.single('refresh', async () => {
      await until('the others to wait, and the first renewal', () => asked === 3 && lost > 0)
      return ++runs
    })
  }
  const browser = client(await shop(t, { '/login': login('u'), '/refresh': refresh }, { store }))
  await browser.get('/login')
  const answers = await Promise.all([browser.get('/refresh'), browser.get('/refresh'), browser.get('/refresh')])
  t.true(lost > 0)
  for (const { body } of answers) t.is(body, 1)
  t.is(runs, 1)
})

test('a function that takes too long is told, and so are those that wait', async (t) => {
  const told: boolean[] = []
  const refresh: Handler = (ctx) =>
    ctx.session?.single(
      'refresh',
      async (signal) => {
        await sleep(600)
        told.push(signal.aborted)
      },
      { timeoutMs: 300 },
    )
  const browser = client(await shop(t, { '/login': login('u'), '/refresh': refresh }))
  await browser.get('/login')
  const [one, other] = await Promise.all([browser.get('/refresh'), browser.get('/refresh')])
  t.deepEqual([one.status, other.status], [503, 503])
  await until('the function to be told', () => told[0] === true)
})

test('a function that runs longer than the lease keeps it, while its node lives', async (t) => {
  const events: EngineEvent['event'][] = []
  let runs = 0
  const refresh: Handler = (ctx) =>
    ctx.session?.single(
      'refresh',
      async () => {
        runs++
        await sleep(1_500)
        return 'late'
      },
      { leaseMs: 600 },
    )
  const onEvent = ({ event }: { event: string }) => void events.push(event as EngineEvent['event'])
  const browser = client(await shop(t, { '/login': login('u'), '/refresh': refresh }, { onEvent }))
  await browser.get('/login')
  const answers = await Promise.all([browser.get('/refresh'), browser.get('/refresh')])
  t.deepEqual(
    answers.map(({ body }) => body),
    ['late', 'late'],
  )
  t.is(runs, 1)
  t.false(events.includes('single-taken-over'))
})

const refreshAndSet: Handler = async (ctx) => {
  const token = await ctx.session?.single('refresh', async () => {
    await ctx.session?.update((draft) => (draft['refreshes'] = Number(draft['refreshes'] ?? 0) + 1))
    return 'token'
  })
  Object.assign(ctx.session ?? {}, { token })
}

test('the function may change the session, and what it returned is set by each request', async (t) => {
  const browser = client(await shop(t, { '/login': login('u'), '/refresh': refreshAndSet, '/': (ctx) => ctx.session }))
  await browser.get('/login')
  await Promise.all([browser.get('/refresh'), browser.get('/refresh')])
  t.deepEqual((await browser.get('/')).body, { user: 'u', token: 'token', refreshes: 1 })
})

test('what can not be kept, a bad name and a bad option are refused', async (t) => {
  const problems: unknown[] = []
  const refused =
    (name: string, run: () => unknown, options?: SingleOptions): Handler =>
    async (ctx) => {
      await ctx.session?.single(name, run, options).catch(({ code }: { code: string }) => problems.push(code))
    }
  const routes = {
    '/map': refused('a', () => new Map()),
    '/large': refused('b', () => 'x'.repeat(300_000)),
    '/name': refused('', () => 1),
    '/option': refused('c', () => 1, { leaseMs: 1 }),
    '/lease': refused('d', () => 1, { leaseMs: 2 ** 31 }),
    '/timeout': refused('e', () => 1, { timeoutMs: 2 ** 31 }),
  }
  const browser = client(await shop(t, routes))
  for (const path of Object.keys(routes)) await browser.get(path)
  t.deepEqual(problems, ['SESSION_VALUE', 'SESSION_TOO_LARGE', ...Array<string>(4).fill('SESSION_OPTIONS')])
})

test('while the store is out nothing runs', async (t) => {
  const store = memoryStore()
  const { routes, runs } = counted()
  const browser = client(await shop(t, routes, { store, outage: 'read-only' }))
  await browser.get('/login')
  await store.close()
  t.is((await browser.get('/refresh')).status, 503)
  t.is(runs(), 0)
})

const aWithinB: Handler = (ctx) =>
  ctx.session?.single('a', () => ctx.session?.single('b', () => ctx.session?.single('a', () => 'never')))
const cAroundD: Handler = (ctx) => ctx.session?.single('c', () => ctx.session?.single('d', () => 'both'))

test('a function that asks for itself is told so, at any depth, and another name is no harm', async (t) => {
  let later: Promise<unknown> | undefined
  const afterwards: Handler = async (ctx) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await ctx.session?.single(
      'e',
      () => {
        later = promise.then(() => ctx.session?.single('e', () => 'again', { keepMs: 0 }))
      },
      { keepMs: 0 },
    )
    resolve()
    return await later
  }
  const browser = client(
    await shop(t, { '/login': login('u'), '/': aWithinB, '/other': cAroundD, '/afterwards': afterwards }),
  )
  await browser.get('/login')
  const { status, body } = await browser.get('/')
  t.deepEqual([status, body], [500, "What runs as 'a' calls session.single('a'), and would wait for itself."])
  t.is((await browser.get('/other')).body, 'both')
  t.is((await browser.get('/afterwards')).body, 'again')
})
