/** Sockets on sessions, through the entrance of users: Koa, HTTP servers, and a WebSocket client that is not ours. */
import { once } from 'node:events'
import { connect } from 'node:net'
import test from 'ava'
import type { SessionKey, SessionStore } from '../../src/contract.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { auxiliaryKey, isAuxiliary } from '../../src/secrets/id.ts'
import type { SocketHandlers } from '../../src/sockets/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { type Client, client } from '../support/shop.ts'
import { loggedIn, refusedAt, socketAt, type SocketNode, socketNode, sqliteStores } from '../support/socket-nodes.ts'
import { until } from '../support/until.ts'

const FEED_KEY = auxiliaryKey('ended sessions')

test('a socket changes its session, and requests of the same client see it', async (t) => {
  const node = await socketNode(t, memoryStore())
  const browser = await loggedIn(node)
  const socket = await socketAt(t, node, browser)
  t.like(await socket.ask({ type: 'move', id: '1', dx: 2 }), { type: 'moved', id: '1', x: 2 })
  t.like((await browser.get('/add?x=5')).body, { user: 'u', x: 7 })
  t.like(await socket.ask({ type: 'look', id: '2' }), { type: 'seen', x: 7 })
  t.like(await socket.ask({ type: 'move', id: '3', dx: 1 }), { x: 8 })
})

test('changes of two sockets and of requests at the same time are all there', async (t) => {
  const stores = sqliteStores(t)
  const [a, b] = [await socketNode(t, await stores()), await socketNode(t, await stores())]
  const browser = await loggedIn(a)
  const sockets = [await socketAt(t, a, browser), await socketAt(t, b, browser)]
  const moves = sockets.flatMap((socket, index) =>
    Array.from({ length: 10 }, (_, n) => socket.ask({ type: 'move', id: `${index}-${n}`, dx: 1 })),
  )
  const adds = Array.from({ length: 5 }, () => client(b.origin, browser.cookie).get('/add?x=1'))
  for (const { type } of await Promise.all(moves)) t.is(type, 'moved')
  await Promise.all(adds)
  t.like((await browser.get('/add?x=0')).body, { x: 25 })
})

test('a message that is sent again is carried out once, also by another node, and answered alike', async (t) => {
  const stores = sqliteStores(t)
  const [a, b] = [await socketNode(t, await stores()), await socketNode(t, await stores())]
  const browser = await loggedIn(a)
  const first = await socketAt(t, a, browser)
  t.like(await first.ask({ type: 'move', id: 'once', dx: 1 }), { x: 1 })
  await first.ask({ type: 'move', id: 'other', dx: 1 })
  t.like(await first.ask({ type: 'move', id: 'once', dx: 1 }), { x: 1 })
  first.webSocket.terminate()
  const second = await socketAt(t, b, browser)
  t.like(await second.ask({ type: 'move', id: 'once', dx: 1 }), { x: 1 })
  t.like(await second.ask({ type: 'look', id: 'look' }), { x: 2 })
})

test('a message that reads the session before it changes it is carried out once too', async (t) => {
  const node = await socketNode(t, memoryStore(), {
    sockets: {
      onConnection: ({ session, send }) => ({
        move: async ({ id }) => {
          await session.read()
          const x = await session.update('move', (draft) => (draft.x = (draft.x ?? 0) + 1))
          send({ type: 'moved', id, x })
        },
      }),
    },
  })
  const socket = await socketAt(t, node, await loggedIn(node))
  t.like(await socket.ask({ type: 'move', id: 'once' }), { x: 1 })
  t.like(await socket.ask({ type: 'move', id: 'once' }), { x: 1 })
  t.like(await socket.ask({ type: 'move', id: 'other' }), { x: 2 })
})

test('a field with a name that a session on Koa can not have is refused, and the session stays as it was', async (t) => {
  const node = await socketNode(t, memoryStore(), {
    sockets: {
      onConnection: ({ session, send }) => ({
        name: async ({ id, field }) => {
          await session.update('name', (draft) => Object.assign(draft, { [String(field)]: 1, x: 1 }))
          send({ type: 'named', id })
        },
        look: async ({ id }) => send({ type: 'seen', id, fields: await session.read() }),
      }),
    },
  })
  const socket = await socketAt(t, node, await loggedIn(node))
  for (const field of ['_csrf', 'length'])
    t.like(await socket.ask({ type: 'name', id: field, field }), { type: 'error', code: 'SESSION_VALUE' })
  t.deepEqual((await socket.ask({ type: 'look', id: 'look' }))['fields'], { user: 'u' })
})

test('changes outside of a message are each made', async (t) => {
  let tick: (() => Promise<number>) | undefined
  const node = await socketNode(t, memoryStore(), {
    sockets: {
      onConnection: ({ session, send }) => {
        const change = () => session.update('tick', (draft) => (draft.x = (draft.x ?? 0) + 1))
        tick = change
        return { move: async ({ id }) => send({ type: 'moved', id, x: await change() }) }
      },
    },
  })
  const socket = await socketAt(t, node, await loggedIn(node))
  t.like(await socket.ask({ type: 'move', id: 'once' }), { x: 1 })
  await until('a change after the message', async () => (await tick?.()) === 2)
  t.is(await tick?.(), 3)
})

test('an upgrade without a session is refused, a forged cookie without a call to the store', async (t) => {
  let reads = 0
  const store = memoryStore()
  const counting = { ...store, read: (key: never) => (reads++, store.read(key)) }
  const node = await socketNode(t, counting)
  const browser = await loggedIn(node)
  const before = reads
  t.is(await refusedAt(t, node, { cookie: undefined }), 401)
  t.is(await refusedAt(t, node, { cookie: 'sid=forged' }), 401)
  t.is(await refusedAt(t, node, { cookie: browser.cookie?.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) }), 401)
  t.is(await refusedAt(t, node, browser, { origin: 'https://evil.example' }), 403)
  t.is(await refusedAt(t, node, browser, { origin: 'null' }), 403)
  t.is(reads, before)
  t.is(await refusedAt(t, node, browser, { origin: node.origin }), 101)
  await browser.get('/logout')
  t.is(await refusedAt(t, node, { cookie: browser.cookie }), 401)
  t.is(await refusedAt(t, { origin: `${node.origin}/elsewhere` }, browser), 404)
})

const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
]

for (const path of ['/live', '/elsewhere']) {
  test(`a client that is refused at ${path} leaves nothing behind, whether it resets its connection or keeps it open`, async (t) => {
    const node = await socketNode(t, memoryStore())
    const port = Number(new URL(node.origin).port)
    const upgrade = `GET ${path} HTTP/1.1\r\nHost: node\r\n${UPGRADE.join('\r\n')}\r\n\r\n`
    const staying = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => staying.write(upgrade))
    t.teardown(() => staying.destroy())
    const [answer] = (await once(staying, 'data')) as [Buffer]
    t.regex(answer.toString(), /^HTTP\/1\.1 40[14] /)
    for (let n = 0; n < 20; n++) {
      const leaving = connect(port, '127.0.0.1')
      await once(leaving, 'connect')
      leaving.write(upgrade, () => leaving.resetAndDestroy())
      await once(leaving, 'close')
    }
    await until('all connections to be gone', async () => (await node.connections()) === 0)
  })
}

test('a message that comes together with the upgrade is handled', async (t) => {
  const node = await socketNode(t, memoryStore())
  const { cookie } = await loggedIn(node)
  const message = Buffer.from('{"type":"move","id":"1","dx":1}')
  // A text frame with a mask of zeros.
  const frame = Buffer.concat([Buffer.from([0x81, 0x80 | message.length, 0, 0, 0, 0]), message])
  const socket = connect(Number(new URL(node.origin).port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  let heard = ''
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')))
  const upgrade = `GET /live HTTP/1.1\r\nHost: node\r\nCookie: ${cookie}\r\n${UPGRADE.join('\r\n')}\r\n\r\n`
  socket.write(Buffer.concat([Buffer.from(upgrade), frame]))
  await until('the answer', () => heard.includes('"type":"moved"'))
  t.regex(heard, /^HTTP\/1\.1 101 /)
})

test('two paths of one server have sockets, both end with the session, and any other is refused', async (t) => {
  const node = await socketNode(t, memoryStore(), { secondPath: '/second' })
  const browser = await loggedIn(node)
  const first = await socketAt(t, node, browser)
  const second = await socketAt(t, node, browser, {}, '/second')
  t.like(await second.ask({ type: 'move', id: '1', dx: 1 }), { x: 1 })
  t.is(await refusedAt(t, { origin: `${node.origin}/elsewhere` }, browser), 404)
  await browser.get('/logout')
  for (const { closed } of [first, second]) t.like(await closed, { code: 4401 })
})

test('a session has a bounded number of sockets', async (t) => {
  const node = await socketNode(t, memoryStore(), { sockets: { socketsPerSessionMax: 2 } })
  const browser = await loggedIn(node)
  const first = await socketAt(t, node, browser)
  await socketAt(t, node, browser)
  t.is(await refusedAt(t, node, browser), 429)
  first.webSocket.close()
  await first.closed
  await until('the first to be gone', () => node.sockets.report().open === 1)
  t.is(await refusedAt(t, node, browser), 101)
})

interface Way {
  readonly get: (path: string) => Promise<unknown>
  readonly endAll: () => Promise<void>
}

const ENDS: Record<string, (way: Way) => Promise<unknown>> = {
  'a logout': ({ get }) => get('/logout'),
  'a logout everywhere': ({ endAll }) => endAll(),
  'the login of another user': ({ get }) => get('/login?user=other'),
}

for (const [what, ends] of Object.entries(ENDS)) {
  test(`${what} closes the session's sockets on every node with 4401, and no other socket`, async (t) => {
    const stores = sqliteStores(t)
    const [a, b] = [await socketNode(t, await stores()), await socketNode(t, await stores())]
    const browser = await loggedIn(a)
    const others = await loggedIn(a, 'bystander')
    const sockets = [await socketAt(t, a, browser), await socketAt(t, b, browser)]
    const bystander = await socketAt(t, b, others)
    await ends({ get: (path) => browser.get(path), endAll: () => a.layer.users.endAll('u') })
    for (const { closed } of sockets) t.deepEqual(await closed, { code: 4401, reason: 'session ended' })
    t.like(await bystander.ask({ type: 'move', id: '1', dx: 1 }), { x: 1 })
    t.like(b.sockets.report(), { open: 1, closed: { 4401: 1 } })
  })
}

test('an end that the store did not take at first is told to the other nodes later', async (t) => {
  const stores = sqliteStores(t)
  const inner = await stores()
  let isOut = false
  const store: SessionStore = {
    ...inner,
    write: async (...args) => {
      if (isOut) throw new StoreUnavailableError('test')
      return await inner.write(...args)
    },
  }
  const errors: unknown[] = []
  const a = await socketNode(t, store, { sockets: { onError: (error) => errors.push(error) } })
  const b = await socketNode(t, await stores())
  const browser = await loggedIn(a)
  const socket = await socketAt(t, b, browser)
  isOut = true
  await browser.get('/logout')
  await until('the failure', () => errors.length === 1)
  isOut = false
  const endedAtMs = performance.now()
  t.like(await socket.closed, { code: 4401 })
  // Before the next look at all sessions.
  t.true(performance.now() - endedAtMs < 20_000)
})

test('after a store has failed in a way of its own, ends are told again', async (t) => {
  const stores = sqliteStores(t)
  const inner = await stores()
  const failure = new TypeError('a mistake in the store')
  let isBroken = true
  const store: SessionStore = {
    ...inner,
    write: async (key, about) => {
      if (isBroken && key === FEED_KEY) throw failure
      return await inner.write(key, about)
    },
  }
  const errors: unknown[] = []
  const a = await socketNode(t, store, { sockets: { onError: (error) => errors.push(error) } })
  const b = await socketNode(t, await stores())
  const [first, second] = [await loggedIn(a, 'first'), await loggedIn(a, 'second')]
  const sockets = [await socketAt(t, b, first), await socketAt(t, b, second)]
  t.is((await first.get('/logout')).status, 200)
  t.deepEqual(errors, [failure])
  isBroken = false
  const endedAtMs = performance.now()
  t.is((await second.get('/logout')).status, 200)
  for (const { closed } of sockets) t.like(await closed, { code: 4401 })
  // Before the next look at all sessions.
  t.true(performance.now() - endedAtMs < 20_000)
})

test('a record of ended sessions that is damaged is begun anew', async (t) => {
  const stores = sqliteStores(t)
  const [a, b] = [await socketNode(t, await stores()), await socketNode(t, await stores())]
  const browser = await loggedIn(a)
  const socket = await socketAt(t, b, browser)
  const store = await stores()
  for (const body of ['{', '{}', '{"last":1,"told":[null]}']) {
    const { version: expectedVersion = 0 } = (await store.read(FEED_KEY)) ?? {}
    const { status } = await store.write(FEED_KEY, { expectedVersion, expiresAtMs: Date.now() + 60_000, body })
    t.is(status, 'written')
    const other = await loggedIn(a, 'other')
    t.is((await other.get('/logout')).status, 200)
  }
  const endedAtMs = performance.now()
  await browser.get('/logout')
  t.like(await socket.closed, { code: 4401 })
  t.true(performance.now() - endedAtMs < 20_000)
})

test('a logout whose node died before it told closes the sockets when it is sent again', async (t) => {
  const stores = sqliteStores(t)
  const [a, b] = [await socketNode(t, await stores()), await socketNode(t, await stores())]
  const browser = await loggedIn(a)
  const socket = await socketAt(t, b, browser)
  // What such a node leaves.
  const dying = await stores()
  await dying.destroy([...b.sockets.sockets][0]?.session.id as SessionKey, { fenceUntilMs: Date.now() + 60_000 })
  const endedAtMs = performance.now()
  await client(a.origin, browser.cookie).get('/logout')
  t.like(await socket.closed, { code: 4401 })
  // Before the next look at all sessions.
  t.true(performance.now() - endedAtMs < 20_000)
})

test('an old cookie that logs out again and again makes the other nodes look once', async (t) => {
  const stores = sqliteStores(t)
  const inner = await stores()
  let told = 0
  const counting: SessionStore = {
    ...inner,
    async write(key, about) {
      if (key === FEED_KEY) told++
      return await inner.write(key, about)
    },
  }
  const node = await socketNode(t, counting)
  const browser = await loggedIn(node)
  const { cookie } = browser
  await client(node.origin, cookie).get('/logout')
  const afterLogout = told
  for (let times = 0; times < 20; times++) await client(node.origin, cookie).get('/logout')
  t.true(told - afterLogout <= 1, `${told - afterLogout} writes`)
})

test('without handlers a socket is closed, and the node goes on', async (t) => {
  const errors: unknown[] = []
  const onConnection = (() => {}) as unknown as () => SocketHandlers
  const node = await socketNode(t, memoryStore(), {
    sockets: { onConnection, onError: (error) => errors.push(error) },
  })
  const socket = await socketAt(t, node, await loggedIn(node))
  socket.send({ type: 'move', id: '1' })
  t.like(await socket.closed, { code: 1011 })
  t.regex(String(errors), /onConnection returns the handlers of messages, not undefined/)
})

test('a change after the end is refused, and closes the socket', async (t) => {
  const store = memoryStore()
  const node = await socketNode(t, store)
  const browser = await loggedIn(node)
  const socket = await socketAt(t, node, browser)
  // Behind the back of the session layer.
  const [session] = await node.layer.users.list('u')
  await store.destroy(session?.id as SessionKey, { fenceUntilMs: Date.now() + 60_000 })
  socket.send({ type: 'move', id: '1', dx: 1 })
  t.like(await socket.closed, { code: 4401 })
  t.deepEqual(socket.heard, [])
})

test('a rotation by the same user keeps the socket', async (t) => {
  const node = await socketNode(t, memoryStore())
  const browser = await loggedIn(node)
  const socket = await socketAt(t, node, browser)
  const before = browser.cookie
  await browser.get('/login?user=u')
  await socket.ask({ type: 'move', id: '1', dx: 1 })
  t.like(await socket.ask({ type: 'look', id: '2' }), { x: 1, user: 'u' })
  t.truthy(before)
})

/** The cookie from before a rotation, and a client whose requests have used the newer one. */
async function rotated(node: SocketNode): Promise<{ readonly browser: Client; readonly older: string | undefined }> {
  const browser = await loggedIn(node)
  const older = browser.cookie
  await browser.get('/rotate')
  await browser.get('/add?x=1')
  return { browser, older }
}

test('an upgrade with the cookie from before a rotation opens the same session, within the grace', async (t) => {
  const node = await socketNode(t, memoryStore(), { rotationGraceMs: 600_000 })
  const { browser, older } = await rotated(node)
  t.not(browser.cookie, older)
  const socket = await socketAt(t, node, { cookie: older })
  t.like(await socket.ask({ type: 'move', id: '1', dx: 1 }), { type: 'moved', x: 2 })
  t.like((await browser.get('/add?x=0')).body, { user: 'u', x: 2 })
  await browser.get('/logout')
  t.is((await socket.closed).code, 4401)
})

test('after the grace it is refused like one without a session, and the session goes on', async (t) => {
  const node = await socketNode(t, memoryStore(), { rotationGraceMs: 1 })
  const { browser, older } = await rotated(node)
  await until('the grace to end', async () => (await refusedAt(t, node, { cookie: older })) === 401)
  t.like((await browser.get('/add?x=0')).body, { user: 'u', x: 1 })
  t.is(await refusedAt(t, node, browser), 101)
})

test('later than any request it is a theft: the upgrade is refused, and the sockets of the session are closed', async (t) => {
  const node = await socketNode(t, memoryStore(), { rotationGraceMs: 1, requestTimeMaxMs: 1 })
  const { browser, older } = await rotated(node)
  const socket = await socketAt(t, node, browser)
  await until('the theft to be noticed', async () => (await refusedAt(t, node, { cookie: older })) === 401)
  t.is((await socket.closed).code, 4401)
  t.is(await refusedAt(t, node, browser), 401)
})

test('an upgrade with the cookie from before the login is refused: it might be planted', async (t) => {
  const node = await socketNode(t, memoryStore())
  const browser = client(node.origin)
  await browser.get('/add?x=1')
  const { cookie } = browser
  await browser.get('/login')
  t.is(await refusedAt(t, node, { cookie }), 401)
  t.is(await refusedAt(t, node, browser), 101)
})

test('a session that is not used ends, and its socket is closed', async (t) => {
  const time = { nowMs: Date.now() }
  const clock = { now: () => time.nowMs }
  const node = await socketNode(t, memoryStore({ clock }), { clock, idleTimeoutMs: 60_000 })
  const browser = await loggedIn(node)
  time.nowMs += 59_900
  const socket = await socketAt(t, node, browser)
  time.nowMs += 101
  t.like(await socket.closed, { code: 4401 })
})

test('a message is a use of the session', async (t) => {
  const time = { nowMs: Date.now() }
  const clock = { now: () => time.nowMs }
  const node = await socketNode(t, memoryStore({ clock }), { clock, idleTimeoutMs: 60_000 })
  const socket = await socketAt(t, node, await loggedIn(node))
  for (const id of ['1', '2', '3', '4']) {
    time.nowMs += 40_000
    t.like(await socket.ask({ type: id === '2' ? 'look' : 'move', id, dx: 1 }), { type: id === '2' ? 'seen' : 'moved' })
  }
  time.nowMs += 61_000
  socket.send({ type: 'look', id: '5' })
  t.like(await socket.closed, { code: 4401 })
})

const REFUSALS: Record<string, [send: string | Buffer, code: string, close: number]> = {
  'a frame that is not JSON': ['{', 'INVALID', 1007],
  'a message without a type': ['{"id":"1"}', 'INVALID', 1007],
  'an id that is too long': [JSON.stringify({ type: 'move', id: 'x'.repeat(129) }), 'INVALID', 1007],
  'a binary frame': [Buffer.from('{}'), 'BINARY', 1003],
  'a message that is too large': [JSON.stringify({ type: 'x'.repeat(20_000) }), 'TOO_LARGE', 1009],
}

for (const [what, [send, code, close]] of Object.entries(REFUSALS)) {
  test(`${what} is told, and closes the socket with ${close}`, async (t) => {
    const node = await socketNode(t, memoryStore())
    const socket = await socketAt(t, node, await loggedIn(node))
    socket.webSocket.send(send)
    t.like(await socket.closed, { code: close })
    t.like(socket.heard, [{ type: 'error', code }])
    t.is(socket.heard.length, 1)
  })
}

test('a message of a type that is not known is refused by its id, and the next one is handled', async (t) => {
  const node = await socketNode(t, memoryStore())
  const socket = await socketAt(t, node, await loggedIn(node))
  t.like(await socket.ask({ type: 'constructor', id: '1' }), { type: 'error', code: 'UNKNOWN_TYPE' })
  t.like(await socket.ask({ type: 'move', id: '2', dx: 1 }), { x: 1 })
})

test('a message far too large closes the socket before it is read', async (t) => {
  const node = await socketNode(t, memoryStore())
  const socket = await socketAt(t, node, await loggedIn(node))
  socket.webSocket.send('x'.repeat(200_000))
  t.like(await socket.closed, { code: 1009 })
})

test('a Close that can not be sent is an error of the handler, and the socket goes on', async (t) => {
  const node = await socketNode(t, memoryStore(), {
    sockets: {
      onConnection: ({ close, send }) => ({
        leave: () => close(4000, 'a reason of more than 123 bytes'.repeat(4)),
        stay: ({ id }) => send({ type: 'stays', id }),
      }),
    },
  })
  const socket = await socketAt(t, node, await loggedIn(node))
  t.like(await socket.ask({ type: 'leave', id: '1' }), { type: 'error' })
  t.like(await socket.ask({ type: 'stay', id: '2' }), { type: 'stays' })
})

test('too many messages at once are refused', async (t) => {
  const node = await socketNode(t, memoryStore(), { sockets: { messagesPerSecondMax: 5, waitingMessagesMax: 100 } })
  const socket = await socketAt(t, node, await loggedIn(node))
  for (let n = 0; n < 60; n++) socket.send({ type: 'move', id: String(n), dx: 1 })
  t.like(await socket.closed, { code: 1008 })
  t.like(socket.heard.at(-1), { type: 'error', code: 'TOO_FAST' })
})

test('an upgrade whose session is still being read when the node leaves is refused', async (t) => {
  const store = memoryStore()
  const reading = Promise.withResolvers<void>()
  const leaving = Promise.withResolvers<void>()
  let isSlow = false
  const slow: SessionStore = {
    ...store,
    read: async (key) => {
      const record = await store.read(key)
      if (!isSlow) return record
      reading.resolve()
      await leaving.promise
      return record
    },
  }
  const node = await socketNode(t, slow)
  const browser = await loggedIn(node)
  isSlow = true
  const status = refusedAt(t, node, browser)
  await reading.promise
  node.sockets.close()
  leaving.resolve()
  t.is(await status, 503)
})

test('a session that has expired is not asked for over and over while the store is out', async (t) => {
  const store = memoryStore()
  let reads = 0
  let isOut = false
  const failing: SessionStore = {
    ...store,
    read: async (key) => {
      if (!isAuxiliary(key)) reads++
      if (isOut) throw new StoreUnavailableError('memory')
      return await store.read(key)
    },
  }
  // The other calls of the outage do not keep this one from the store.
  const node = await socketNode(t, failing, { idleTimeoutMs: 5_000, guard: { failuresMax: 1_000 } })
  const socket = await socketAt(t, node, await loggedIn(node))
  reads = 0
  isOut = true
  await until('the expiry to be looked at', () => reads > 0)
  await new Promise((resolve) => setTimeout(resolve, 400))
  t.true(reads <= 4, `${reads} reads`)
  isOut = false
  t.like(await socket.closed, { code: 4401 })
})

test('a session that has expired is not asked for again while its client does not answer the Close', async (t) => {
  const store = memoryStore()
  let reads = 0
  const counting: SessionStore = {
    ...store,
    read: async (key) => {
      if (!isAuxiliary(key)) reads++
      return await store.read(key)
    },
  }
  const node = await socketNode(t, counting, { idleTimeoutMs: 5_000 })
  const socket = await socketAt(t, node, await loggedIn(node))
  socket.webSocket.pause()
  reads = 0
  // It is cut two seconds after its Close.
  await until('the socket to be over', () => node.sockets.report().open === 0)
  t.true(reads <= 4, `${reads} reads`)
  t.deepEqual(node.sockets.report().closed, { 4401: 1 })
})

test('a client that does not read is cut', async (t) => {
  const node = await socketNode(t, memoryStore(), { sockets: { unsentBytesMax: 100_000 } })
  const socket = await socketAt(t, node, await loggedIn(node))
  socket.webSocket.pause()
  await until('it to be cut', () => {
    node.sockets.broadcast({ type: 'news', text: 'x'.repeat(50_000) })
    return node.sockets.report().open === 0
  })
  t.deepEqual(node.sockets.report().closed, { 1006: 1 })
})

test('with the store out a message closes the socket with 1013, or is refused', async (t) => {
  for (const outage of ['close', 'refuse'] as const) {
    const store = memoryStore()
    let isOut = false
    const failing = {
      ...store,
      write: async (...args: Parameters<typeof store.write>) => {
        if (isOut) throw new StoreUnavailableError('redis at 10.0.0.1:6379')
        return await store.write(...args)
      },
    }
    const node = await socketNode(t, failing, { sockets: { outage } })
    const socket = await socketAt(t, node, await loggedIn(node))
    isOut = true
    t.like(await socket.ask({ type: 'move', id: '1', dx: 1 }), {
      type: 'error',
      code: 'STORE_UNAVAILABLE',
      message: 'The session store is not available.',
    })
    isOut = false
    if (outage === 'close') t.like(await socket.closed, { code: 1013 })
    else t.like(await socket.ask({ type: 'move', id: '1', dx: 1 }), { x: 1 })
  }
})

test('with the store out and read-only, a message reads what was seen last, and one that changes is refused', async (t) => {
  const store = memoryStore()
  let isOut = false
  const call = async <T>(send: () => Promise<T>): Promise<T> => {
    if (isOut) throw new StoreUnavailableError('memory')
    return await send()
  }
  const failing: SessionStore = {
    ...store,
    read: (key) => call(() => store.read(key)),
    write: (key, write) => call(() => store.write(key, write)),
    touch: (key, expiresAtMs) => call(() => store.touch(key, expiresAtMs)),
  }
  const node = await socketNode(t, failing, { sockets: { outage: 'read-only' } })
  const browser = await loggedIn(node)
  const socket = await socketAt(t, node, browser)
  t.like(await socket.ask({ type: 'move', id: '1', dx: 3 }), { x: 3 })
  isOut = true
  t.like(await socket.ask({ type: 'look', id: '2' }), { type: 'seen', x: 3 })
  t.like(await socket.ask({ type: 'move', id: '3', dx: 1 }), { type: 'error', code: 'STORE_UNAVAILABLE' })
  t.is(await refusedAt(t, node, browser), 503)
  isOut = false
  t.like(await socket.ask({ type: 'move', id: '3', dx: 1 }), { x: 4 })
  await browser.get('/logout')
  t.like(await socket.closed, { code: 4401 })
})

test('a handler that throws is told apart from the session, and the socket goes on', async (t) => {
  const errors: unknown[] = []
  const node = await socketNode(t, memoryStore(), {
    sockets: {
      onError: (error) => errors.push(error),
      onConnection: ({ send }) => ({
        fail: () => {
          throw new Error('secret')
        },
        ping: ({ id }) => send({ type: 'pong', id }),
      }),
    },
  })
  const socket = await socketAt(t, node, await loggedIn(node))
  const refusal = await socket.ask({ type: 'fail', id: '1' })
  t.like(refusal, { type: 'error', code: 'INTERNAL' })
  t.false(JSON.stringify(refusal).includes('secret'))
  t.like(await socket.ask({ type: 'ping', id: '2' }), { type: 'pong' })
  t.deepEqual(errors.map(String), ['Error: secret'])
})

test('a node that leaves tells each client its own delay', async (t) => {
  const node = await socketNode(t, memoryStore())
  const sockets = await Promise.all([1, 2, 3, 4].map(async (n) => socketAt(t, node, await loggedIn(node, `u${n}`))))
  node.sockets.close({ spreadMs: 1_000 })
  const closes = await Promise.all(sockets.map(({ closed }) => closed))
  t.deepEqual(
    closes.map(({ code }) => code),
    [1012, 1012, 1012, 1012],
  )
  t.deepEqual(
    closes.map(({ reason }) => reason).sort(),
    [0, 250, 500, 750].map((ms) => `retry-after-ms=${ms}`),
  )
  t.is(await refusedAt(t, node, await loggedIn(node)), 503)
})
