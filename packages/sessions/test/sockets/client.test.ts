/** The browser's client against real nodes that die, leave and end sessions. */
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { WebSocket } from 'ws'
import {
  type ClientMessage,
  type ClientState,
  MessageLostError,
  MessageRefusedError,
  type SessionClient,
  sessionClient,
  type SessionClientOptions,
} from '../../src/sockets/client.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { loggedIn, socketNode, type SocketNode, sqliteStores } from '../support/socket-nodes.ts'
import { until } from '../support/until.ts'

interface Watched {
  readonly client: SessionClient
  readonly states: ClientState[]
  readonly heard: ClientMessage[]
  /** The connection that it has now. */
  current(): WebSocket
  /** Where its next connections go. */
  to: SocketNode
}

/** In the place of a browser: each connection goes to `to`, with the cookie. */
function watched(
  t: ExecutionContext,
  node: SocketNode,
  cookie: string | undefined,
  options: Partial<SessionClientOptions> = {},
): Watched {
  const states: ClientState[] = []
  const heard: ClientMessage[] = []
  let current: WebSocket | undefined
  const where = { to: node }
  function Browser(): WebSocket {
    current = new WebSocket(`${where.to.origin.replace('http', 'ws')}/live`, { headers: { cookie: cookie ?? '' } })
    current.on('error', () => 'a close follows')
    return current
  }
  const client = sessionClient('', {
    onMessage: (message) => heard.push(message),
    onState: (state) => states.push(state),
    WebSocket: Browser as unknown as new (url: string) => globalThis.WebSocket,
    ...options,
  })
  t.teardown(() => client.close())
  return Object.assign(where, { client, states, heard, current: () => current as WebSocket })
}

test('what is sent before it is open, and while it is away, is carried out once', async (t) => {
  const stores = sqliteStores(t)
  const [a, b] = [await socketNode(t, await stores()), await socketNode(t, await stores())]
  const browser = await loggedIn(a)
  const own = watched(t, a, browser.cookie)
  t.like(await own.client.send('move', { dx: 1 }), { type: 'moved', x: 1 })
  own.to = b
  const answers: Promise<ClientMessage>[] = []
  for (let n = 0; n < 5; n++) answers.push(own.client.send('move', { dx: 1 }))
  // Some of them have arrived, and their answers have not.
  own.current().terminate()
  for (let n = 0; n < 5; n++) answers.push(own.client.send('move', { dx: 1 }))
  await Promise.all(answers)
  t.like((await browser.get('/add?x=0')).body, { x: 11 })
  t.is(own.client.unacknowledged, 0)
  t.deepEqual(own.states, ['open', 'waiting', 'connecting', 'open'])
  t.like(b.sockets.report(), { open: 1 })
})

test('hundreds of messages from an offline time all arrive, and are no flood', async (t) => {
  const node = await socketNode(t, memoryStore())
  const browser = await loggedIn(node)
  const own = watched(t, node, browser.cookie)
  await own.client.send('move', { dx: 1 })
  own.current().terminate()
  await Promise.all(Array.from({ length: 150 }, () => own.client.send('move', { dx: 1 })))
  t.like((await browser.get('/add?x=0')).body, { x: 151 })
  t.deepEqual(own.states, ['open', 'waiting', 'connecting', 'open'])
  t.like(node.sockets.report().closed, { 1008: undefined })
})

test('a message without an answer is given up, and those after it are sent', async (t) => {
  const node = await socketNode(t, memoryStore())
  const browser = await loggedIn(node)
  const own = watched(t, node, browser.cookie, { answerWithinMs: 500 })
  const silent = Array.from({ length: 8 }, () => own.client.send('hello'))
  for (const each of silent) await t.throwsAsync(each, { instanceOf: MessageLostError })
  await until('the next to arrive', async () => {
    // On a busy machine it may be given up before there is a connection.
    own.client.send('move', { dx: 1 }).catch(() => 'its answer is late')
    return ((await browser.get('/add?x=0')).body as { x: number }).x > 0
  })
})

test('no client sends a message again after the server has forgotten it', (t) => {
  const onMessage = (): void => t.fail('it must not connect')
  for (const answerWithinMs of [300_001, 2 ** 31, Infinity, NaN, 0, -1])
    t.throws(() => sessionClient('ws://127.0.0.1:9/live', { onMessage, answerWithinMs }), {
      instanceOf: RangeError,
      message: /^answerWithinMs is above 0 and at most 300000, not /,
    })
})

test('a node that leaves is followed by another, and the version that was seen is told', async (t) => {
  const stores = sqliteStores(t)
  const hellos: unknown[] = []
  const node = async () => {
    const made: SocketNode = await socketNode(t, await stores(), {
      sockets: {
        onConnection: ({ session, send }) => ({
          hello: ({ seen }) => {
            hellos.push(seen)
            send({ type: 'welcome', version: session.version })
          },
        }),
      },
    })
    return made
  }
  const [a, b] = [await node(), await node()]
  const own = watched(t, a, (await loggedIn(a)).cookie)
  await until('the first welcome', () => own.heard.length === 1)
  own.to = b
  a.sockets.close({ spreadMs: 100 })
  await until('the second welcome', () => own.heard.length === 2)
  t.deepEqual(hellos, [undefined, own.heard[0]?.['version']])
})

test('a connection that was lost without a word is given up, and another carries on', async (t) => {
  const stores = sqliteStores(t)
  const [a, b] = [await socketNode(t, await stores()), await socketNode(t, await stores())]
  const browser = await loggedIn(a)
  const own = watched(t, a, browser.cookie, { quietMs: 100 })
  await own.client.send('move', { dx: 1 })
  own.to = b
  // Nothing comes over it any more, and no close either.
  const lost = own.current()
  t.teardown(() => lost.terminate())
  lost.pause()
  t.like(await own.client.send('move', { dx: 1 }), { x: 2 })
  t.deepEqual(own.states, ['open', 'waiting', 'connecting', 'open'])
})

test("a connection over which nothing happens stays, is no use of the session, and its questions are not the application's", async (t) => {
  const time = { nowMs: Date.now() }
  const clock = { now: () => time.nowMs }
  const node = await socketNode(t, memoryStore({ clock }), { clock, idleTimeoutMs: 60_000 })
  const own = watched(t, node, (await loggedIn(node)).cookie, { quietMs: 20 })
  await until('it to be open', () => own.client.state === 'open')
  let answers = 0
  own.current().on('message', () => answers++)
  await until('an answer', () => answers > 0)
  t.deepEqual(own.heard, [])
  t.deepEqual(own.states, ['open'])
  time.nowMs += 40_000
  answers = 0
  await until('another', () => answers > 0)
  time.nowMs += 21_000
  await t.throwsAsync(own.client.send('look'), { instanceOf: MessageLostError })
  t.is(own.client.state, 'ended')
})

test('a session that ended ends the client', async (t) => {
  const node = await socketNode(t, memoryStore())
  const browser = await loggedIn(node)
  const own = watched(t, node, browser.cookie)
  await own.client.send('move', { dx: 1 })
  await browser.get('/logout')
  await until('the end', () => own.client.state === 'ended')
  await t.throwsAsync(own.client.send('move', { dx: 1 }), { instanceOf: MessageLostError })
})

test('without a session it tries on, until it is told that there is none', async (t) => {
  const node = await socketNode(t, memoryStore())
  let asked = 0
  const own = watched(t, node, undefined, { hasSession: async () => ++asked < 3 })
  const lost = t.throwsAsync(own.client.send('move', { dx: 1 }), { instanceOf: MessageLostError })
  await until('the end', () => own.client.state === 'ended')
  t.is(asked, 3)
  await lost
})

test('with a store that only reads it does not come back over and over', async (t) => {
  const store = memoryStore()
  let isOut = false
  const node = await socketNode(t, {
    ...store,
    write: async (...args) => {
      if (isOut) throw new StoreUnavailableError('memory')
      return await store.write(...args)
    },
  })
  const own = watched(t, node, (await loggedIn(node)).cookie)
  await own.client.send('move', { dx: 1 })
  isOut = true
  const move = own.client.send('move', { dx: 1 })
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  const { opened } = node.sockets.report()
  t.true(opened <= 8, `${opened} connections`)
  isOut = false
  t.like(await move, { x: 2 })
})

test('an error is told, a message that is refused for now is sent again', async (t) => {
  let refusals = 0
  const node = await socketNode(t, memoryStore(), {
    sockets: {
      onConnection: ({ send }) => ({
        hello: () => {},
        no: ({ id }) => send({ type: 'error', id, code: 'NO', message: 'No.' }),
        later: ({ id }) =>
          ++refusals < 2
            ? send({ type: 'error', id, code: 'SESSION_BUSY', message: 'Later.' })
            : send({ type: 'done', id }),
        done: ({ id }) => send({ type: 'error', id, code: 'ANSWER_NOT_KEPT', message: 'Done.' }),
      }),
    },
  })
  const own = watched(t, node, (await loggedIn(node)).cookie)
  const error = await t.throwsAsync(own.client.send('no'), { instanceOf: MessageRefusedError })
  t.is(error.code, 'NO')
  t.like(await own.client.send('later'), { type: 'done' })
  t.like(await own.client.send('done'), { code: 'ANSWER_NOT_KEPT' })
})

test('a message of a type that the node does not know is refused, and the others go on over the same connection', async (t) => {
  const node = await socketNode(t, memoryStore())
  const own = watched(t, node, (await loggedIn(node)).cookie)
  const unknown = t.throwsAsync(own.client.send('fly'), { instanceOf: MessageRefusedError, code: 'UNKNOWN_TYPE' })
  t.like(await own.client.send('move', { dx: 1 }), { type: 'moved', x: 1 })
  await unknown
  t.deepEqual(own.states, ['open'])
})

for (const [what, length] of [
  ['too large', 20_000],
  ['far too large', 200_000],
] as const)
  test(`a message that is ${what} is refused, and those beside it are carried out`, async (t) => {
    const node = await socketNode(t, memoryStore())
    const own = watched(t, node, (await loggedIn(node)).cookie)
    const before = own.client.send('move', { dx: 1 })
    const large = t.throwsAsync(own.client.send('move', { dx: 1, text: 'x'.repeat(length) }), {
      instanceOf: MessageRefusedError,
      code: 'TOO_LARGE',
    })
    const after = own.client.send('move', { dx: 1 })
    await large
    t.like(await before, { x: 1 })
    t.like(await after, { x: 2 })
    t.deepEqual(own.states, ['open', 'waiting', 'connecting', 'open'])
  })

test('a client is no faster than a node that takes little', async (t) => {
  const node = await socketNode(t, memoryStore(), { sockets: { messagesPerSecondMax: 5, waitingMessagesMax: 1 } })
  const own = watched(t, node, (await loggedIn(node)).cookie)
  const moves = await Promise.all(Array.from({ length: 20 }, () => own.client.send('move', { dx: 1 })))
  t.is(moves.at(-1)?.['x'], 20)
  const { 1008: closed = 0 } = node.sockets.report().closed
  // Each halves its pace, from 40 messages a second and 8 on their way.
  t.true(closed <= 6, `closed ${closed} times`)
})

test('a node that closes each connection at once is tried less and less often', async (t) => {
  const node = await socketNode(t, memoryStore(), {
    sockets: {
      onConnection: ({ send, close }) => ({
        hello: () => send({ type: 'welcome' }),
        move: () => close(4000, 'no'),
      }),
    },
  })
  const own = watched(t, node, (await loggedIn(node)).cookie)
  own.client.send('move', { dx: 1 }).catch(() => 'the client is closed before')
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  const { opened } = node.sockets.report()
  t.true(opened <= 10, `${opened} connections`)
})
