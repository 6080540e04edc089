/** How the nodes of an application learn that a session has ended, over stores with notifications and without. */
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type {
  NotificationListener,
  Notifications,
  OnNotification,
  SessionRecord,
  SessionStore,
} from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { auxiliaryKey } from '../../src/secrets/id.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { meshNodes } from '../support/mesh/nodes.ts'
import { postgresMissing, postgresServer } from '../support/database/postgres-server.ts'
import { redisMissing, redisServer } from '../support/redis/server.ts'
import { loggedIn, socketAt, socketNode, sqliteStores } from '../support/socket-nodes.ts'
import { until } from '../support/until.ts'

const FEED_KEY = auxiliaryKey('ended sessions')

type Stores = () => Promise<SessionStore>

/** Its record tells nothing new, so that only notifications do. Also whether it listens. */
function deafToTheRecord(store: SessionStore) {
  let first: { readonly record: SessionRecord | undefined } | undefined
  let listener: NotificationListener | undefined
  const deaf: SessionStore = {
    ...store,
    async read(key) {
      if (key !== FEED_KEY) return await store.read(key)
      first ??= { record: await store.read(key) }
      return first.record
    },
    notifications: {
      send: (text) => store.notifications?.send(text) ?? Promise.resolve(),
      listen(on) {
        return (listener = (store.notifications as Notifications).listen(on))
      },
    },
  }
  return { deaf, isListening: () => listener?.isListening === true }
}

/** A logout, a logout everywhere and the login of another user at one node, seen by the sockets of another one. */
async function endsAreNotified(t: ExecutionContext, stores: Stores): Promise<void> {
  const { deaf, isListening } = deafToTheRecord(await stores())
  const a = await socketNode(t, await stores())
  const b = await socketNode(t, deaf)
  const [one, two, three] = [await loggedIn(a, 'one'), await loggedIn(a, 'two'), await loggedIn(a, 'three')]
  const [ofOne, ofTwo, ofThree] = [await socketAt(t, b, one), await socketAt(t, b, two), await socketAt(t, b, three)]
  await until('the node to listen', isListening)
  await one.get('/logout')
  t.like(await ofOne.closed, { code: 4401 })
  await a.layer.users.endAll('two')
  t.like(await ofTwo.closed, { code: 4401 })
  await three.get('/login?user=another')
  t.like(await ofThree.closed, { code: 4401 })
  const staying = await socketAt(t, b, await loggedIn(a, 'four'))
  await until('the node to rely on notifications', () => b.sockets.report().notified)
  staying.webSocket.close()
  await until('the last socket to be closed', () => !b.sockets.report().notified)
}

async function opened(t: ExecutionContext, url: string): Promise<SessionStore> {
  const store = await openStore(url)
  await store.open()
  t.teardown(() => store.close())
  return store
}

for (const scheme of ['replicated:', 'clustered:']) {
  test.serial(`${scheme} the mesh tells every node of an end`, async (t) => {
    const mesh = await meshNodes(t, { scheme: `${scheme}?openTimeoutMs=60000&` })
    await endsAreNotified(t, () => mesh.open())
  })
}

test.serial('an open socket keeps no node of a mesh awake', async (t) => {
  const mesh = await meshNodes(t, { scheme: 'replicated:?openTimeoutMs=60000&' })
  const node = await socketNode(t, await mesh.open())
  await socketAt(t, node, await loggedIn(node))
  const statuses = () => ['a', 'b', 'c'].map((name) => mesh.node(name).status())
  const sent = () => statuses().reduce((sum, { traffic }) => sum + traffic.sentBytes, 0)
  await until('all nodes to be quiet, and to send nothing for two seconds', async () => {
    const before = sent()
    await delay(2_000)
    return statuses().every(({ quiet }) => quiet) && sent() === before
  })
  t.true(node.sockets.report().notified)
})

if (redisMissing === undefined) {
  test('Redis tells every node of an end', async (t) => {
    const server = await redisServer()
    t.teardown(() => server.stop())
    await endsAreNotified(t, () => opened(t, server.url))
    await endsAreNotified(t, () => opened(t, `hybrid:?over=${encodeURIComponent(server.url)}`))
  })
}

if (postgresMissing === undefined) {
  test('PostgreSQL tells every node of an end', async (t) => {
    const server = await postgresServer()
    t.teardown(() => server.stop())
    await endsAreNotified(t, () => opened(t, server.url))
    await endsAreNotified(t, () => opened(t, `hybrid:?over=${encodeURIComponent(server.url)}`))
  })
}

test('with write=behind an end is read from its record, long before a node looks at every session', async (t) => {
  const stores = sqliteStores(t, (url) => `hybrid:?over=${url}&write=behind`)
  const [a, b] = [await socketNode(t, await stores()), await socketNode(t, await stores())]
  const browser = await loggedIn(a)
  const { closed } = await socketAt(t, b, browser)
  await browser.get('/logout')
  t.like(await Promise.race([closed, delay(15_000, undefined, { ref: false })]), { code: 4401 })
})

/** A store with notifications of which none arrives. */
function mute(store: SessionStore) {
  const counts = { listening: 0, renewed: 0, stopped: 0 }
  const muted: SessionStore = {
    ...store,
    notifications: {
      send: async () => {},
      listen() {
        counts.listening++
        return { isListening: true, renew: () => void counts.renewed++, stop: () => void counts.stopped++ }
      },
    },
  }
  return { muted, counts }
}

test('a node that hears no notification finds the end in the record, and connects anew', async (t) => {
  const stores = sqliteStores(t)
  const { muted, counts } = mute(await stores())
  const a = await socketNode(t, await stores())
  const errors: Error[] = []
  const b = await socketNode(t, muted, { sockets: { onError: (error) => errors.push(error as Error) } })
  const [browser, other] = [await loggedIn(a), await loggedIn(a, 'other')]
  const socket = await socketAt(t, b, browser)
  const staying = await socketAt(t, b, other)
  await browser.get('/logout')
  t.like(await socket.closed, { code: 4401 })
  // In the first second it may have begun to listen too late for an end.
  await until('a new connection', async () => {
    await (await loggedIn(a, 'another')).get('/logout')
    return counts.renewed > 0
  })
  t.regex(errors[0]?.message ?? '', /^a notification of the store was lost/)
  staying.webSocket.close()
  await until('nothing to listen for', () => counts.stopped === counts.listening)
})

test('a node without sockets neither listens nor reads', async (t) => {
  const stores = sqliteStores(t)
  const { muted, counts } = mute(await stores())
  let reads = 0
  const counting: SessionStore = {
    ...muted,
    read: async (key) => {
      if (key === FEED_KEY) reads++
      return await muted.read(key)
    },
  }
  const node = await socketNode(t, counting)
  const browser = await loggedIn(node)
  t.is(counts.listening, 0)
  const socket = await socketAt(t, node, browser)
  t.is(counts.listening, 1)
  socket.webSocket.close()
  await until('nothing to listen for', () => counts.stopped === 1)
  const before = reads
  // Longer than from one look to the next.
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.is(reads, before)
})

test('a notification that comes while the store is out closes the socket later, and tells for how long it was open', async (t) => {
  const stores = sqliteStores(t)
  const inner = await stores()
  let isOut = false
  const heard = new Set<OnNotification>()
  const failing: SessionStore = {
    ...inner,
    read: async (key) => {
      if (isOut) throw new StoreUnavailableError('test')
      return await inner.read(key)
    },
    notifications: {
      send: async () => {},
      listen(on) {
        heard.add(on)
        return { isListening: true, renew() {}, stop: () => void heard.delete(on) }
      },
    },
  }
  const revoked: number[] = []
  const a = await socketNode(t, await stores())
  const b = await socketNode(t, failing, { sockets: { onRevoked: (afterMs) => revoked.push(afterMs) } })
  const browser = await loggedIn(a)
  const socket = await socketAt(t, b, browser)
  const subject = [...b.sockets.sockets][0]?.session.id
  isOut = true
  await browser.get('/logout')
  for (const { text } of heard) text(`${Date.now() - 5_000} ${subject}`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.is(socket.webSocket.readyState, socket.webSocket.OPEN)
  isOut = false
  t.like(await socket.closed, { code: 4401 })
  await until('the time it was open', () => revoked.length === 1)
  t.true((revoked[0] ?? 0) >= 5_000)
})
