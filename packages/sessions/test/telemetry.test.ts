/** What an application is told of its store, through Koa. */
import test from 'ava'
import type { SessionStore } from '../src/contract.ts'
import { StoreCopiesError, StoreUnavailableError } from '../src/errors.ts'
import { eventLog, type SessionLayerEvent } from '../src/event-log.ts'
import { memoryStore } from '../src/stores/memory.ts'
import type { StoreCall } from '../src/telemetry.ts'
import { client, type Handler, shop } from './support/shop.ts'

const routes: Record<string, Handler> = {
  '/change': (ctx) => ctx.session?.update((draft) => (draft['n'] = Number(draft['n'] ?? 0) + 1)),
}

/** A store whose writes fail while they are told how. */
function failing() {
  const inner = memoryStore()
  const trouble: { error: Error | undefined } = { error: undefined }
  const store: SessionStore = {
    ...inner,
    read: (key) => (trouble.error instanceof StoreCopiesError ? inner.read(key) : attempt(() => inner.read(key))),
    write: (key, write) => attempt(() => inner.write(key, write)),
  }
  function attempt<T>(call: () => Promise<T>): Promise<T> {
    return trouble.error === undefined ? call() : Promise.reject(trouble.error)
  }
  return { store, trouble }
}

test('an outage is reported when it begins, with its reason, and when it is over, with what it cost', async (t) => {
  const { store, trouble } = failing()
  const events: SessionLayerEvent[] = []
  const guard = { failuresMax: 3, pauseMinMs: 60_000, pauseMaxMs: 60_000 }
  let layer: { health(): Promise<void> } | undefined
  const onEvent = (event: SessionLayerEvent) => void events.push(event)
  const origin = await shop(t, routes, { store, guard, onEvent }, (made) => {
    layer = made
  })
  const browser = client(origin)
  t.is((await browser.get('/change')).status, 200)
  trouble.error = new StoreUnavailableError('failing', new Error('connection refused'))
  for (let request = 0; request < 8; request++) t.is((await browser.get('/change')).status, 503)
  t.deepEqual(events, [{ event: 'store-down', store: 'memory', reason: 'connection refused' }])
  trouble.error = undefined
  await layer?.health()
  t.is((await browser.get('/change')).status, 200)
  const [, up] = events
  t.like(up, { event: 'store-up', store: 'memory', callsRefused: 5 })
  t.is(events.length, 2)
})

test('too few copies are no outage: reads go on, and no event reports one', async (t) => {
  const { store, trouble } = failing()
  const events: SessionLayerEvent[] = []
  const origin = await shop(
    t,
    { ...routes, '/': (ctx) => ctx.session },
    {
      store,
      guard: { failuresMax: 3 },
      onEvent: (event) => void events.push(event),
    },
  )
  const browser = client(origin)
  await browser.get('/change')
  trouble.error = new StoreCopiesError('failing')
  for (let request = 0; request < 10; request++) t.is((await browser.get('/change')).status, 503)
  t.like(await browser.get('/'), { status: 200, body: { n: 1 } })
  t.deepEqual(events, [])
})

test('every call to the store is reported by verb and outcome, once it has ended', async (t) => {
  const { store, trouble } = failing()
  const calls: StoreCall[] = []
  const browser = client(await shop(t, routes, { store, onStoreCall: (call) => void calls.push(call) }))
  await browser.get('/change')
  await browser.get('/change')
  trouble.error = new StoreCopiesError('failing')
  await browser.get('/change')
  t.deepEqual(
    calls.map(({ verb, outcome }) => `${verb} ${outcome}`),
    ['write ok', 'read ok', 'write ok', 'read ok', 'write failed'],
  )
  t.true(calls.every(({ durationMs }) => durationMs >= 0))
})

test('every event has a level and a sentence in a log', (t) => {
  const lines: unknown[] = []
  const note = (level: string) => (about: object, line: string) => void lines.push([level, about, line])
  const tell = eventLog({ debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') })
  tell({ event: 'theft' })
  tell({ event: 'mesh-refused', peer: 'b', line: 'b has another secret than a' })
  t.deepEqual(lines, [
    ['warn', { event: 'theft' }, 'an id that was rotated away came back: its session may have been stolen'],
    ['warn', { event: 'mesh-refused', peer: 'b' }, 'b has another secret than a'],
  ])
})
