/** The floor: moves over a socket, on the session of the customer. */
import { once } from 'node:events'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { WebSocket } from 'ws'
import { openStore, type SessionStore } from '@ninelives/sessions'
import { coinFor, FLOOR, moved, stepOf } from '../../src/shop/moves.ts'
import { client } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'
import { until } from '../support/until.ts'

interface Frame {
  readonly type: string
  readonly [field: string]: unknown
}

async function cookieOf(url: string, user: string): Promise<string> {
  const visitor = client(url)
  await visitor.login(user)
  return visitor.cookie ?? ''
}

function customer(t: ExecutionContext, url: string, cookie?: string) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/floor`, {
    headers: cookie === undefined ? {} : { cookie },
  })
  t.teardown(() => socket.terminate())
  const frames: Frame[] = []
  const waiting = new Set<() => void>()
  socket.on('message', (data: Buffer) => {
    frames.push(JSON.parse(data.toString()) as Frame)
    for (const look of waiting) look()
  })
  return {
    socket,
    say: (message: object) => socket.send(JSON.stringify(message)),
    last: (type: string) => frames.findLast((frame) => frame.type === type),
    /** The first frame for which it holds, now or later. */
    hears: (holds: (frame: Frame) => boolean) =>
      new Promise<Frame>((resolve) => {
        const look = () => {
          const found = frames.find(holds)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
  }
}

async function onTheFloor(t: ExecutionContext, url: string, cookie: string) {
  const own = customer(t, url, cookie)
  await once(own.socket, 'open')
  own.say({ type: 'hello' })
  const welcome = await own.hears(({ type }) => type === 'welcome')
  return { ...own, welcome }
}

test('a customer is welcomed, moves, and is where the last move led when the socket comes back', async (t) => {
  const { url } = await shopServer(t)
  const cookie = await cookieOf(url, 'user-1')
  const { say, hears, socket, welcome } = await onTheFloor(t, url, cookie)
  t.like(welcome, { you: { user: 'user-1', x: 12, y: 7, score: 0, moves: 0 }, node: 'a', players: [] })
  say({ type: 'move', id: 'one', dx: 1, dy: 0 })
  t.like(await hears(({ id }) => id === 'one'), { type: 'moved', x: 13, y: 7, moves: 1 })
  say({ type: 'move', id: 'two', dx: 0, dy: -1 })
  t.like(await hears(({ id }) => id === 'two'), { type: 'moved', x: 13, y: 6, moves: 2 })
  socket.terminate()
  const again = await onTheFloor(t, url, cookie)
  t.like(again.welcome, { you: { x: 13, y: 6, moves: 2 } })
  again.say({ type: 'move', id: 'two', dx: 0, dy: -1 })
  t.like(await again.hears(({ id }) => id === 'two'), { type: 'moved', x: 13, y: 6, moves: 2 })
})

test('sockets, their messages and ends are counted, and how soon they follow the end of their session', async (t) => {
  const { url } = await shopServer(t)
  const told = async (...lines: string[]): Promise<void> => {
    await until(lines.join(', '), async () => {
      const metrics = ((await client(url).send('GET', '/metrics')).body as string).split('\n')
      return lines.every((line) => metrics.includes(line))
    })
  }
  const visitor = client(url)
  await visitor.login('user-1')
  const { say, hears, socket } = await onTheFloor(t, url, visitor.cookie ?? '')
  const own = await onTheFloor(t, url, await cookieOf(url, 'user-2'))
  say({ type: 'move', id: 'one', dx: 1, dy: 0 })
  await hears(({ id }) => id === 'one')
  await told('ninelives_sockets_open{node="a"} 2', 'ninelives_sockets_notified{node="a"} 0')
  await t.throwsAsync(once(customer(t, url).socket, 'open'))
  own.socket.close(4001)
  await once(own.socket, 'close')
  await visitor.send('POST', '/api/logout')
  if (socket.readyState !== socket.CLOSED) await once(socket, 'close')
  await told(
    'ninelives_sockets_open{node="a"} 0',
    'ninelives_sockets_opened_total{node="a"} 2',
    'ninelives_sockets_refused_total{status="401",node="a"} 1',
    'ninelives_sockets_closed_total{code="own",node="a"} 1',
    'ninelives_sockets_closed_total{code="4401",node="a"} 1',
    'ninelives_socket_messages_total{type="hello",node="a"} 2',
    'ninelives_socket_messages_total{type="move",node="a"} 1',
    'ninelives_socket_revocation_duration_seconds_count{node="a"} 1',
  )
  t.pass()
})

test('the others are seen, and oneself is not among them', async (t) => {
  const { url } = await shopServer(t)
  const one = await onTheFloor(t, url, await cookieOf(url, 'user-1'))
  const two = await onTheFloor(t, url, await cookieOf(url, 'user-2'))
  two.say({ type: 'move', id: '1', dx: -1, dy: 0 })
  const told = await one.hears(({ type, players }) => type === 'players' && JSON.stringify(players).includes('"x":11'))
  t.deepEqual(told['players'], [{ user: 'user-2', x: 11, y: 7, score: 0 }])
  two.socket.terminate()
  await one.hears(({ type, players }) => type === 'players' && (players as []).length === 0)
})

test('a customer who left in the middle of a move is gone', async (t) => {
  const inner = await openStore('memory:')
  const writing = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  let isSlow = false
  const store: SessionStore = {
    ...inner,
    write: async (...args) => {
      if (isSlow) {
        writing.resolve()
        await left.promise
      }
      return await inner.write(...args)
    },
  }
  const { url } = await shopServer(t, { store })
  const one = await onTheFloor(t, url, await cookieOf(url, 'user-1'))
  const two = await onTheFloor(t, url, await cookieOf(url, 'user-2'))
  const seesAtLast = (count: number) =>
    one.hears(() => (one.last('players')?.['players'] as unknown[])?.length === count)
  await seesAtLast(1)
  isSlow = true
  two.say({ type: 'move', id: '1', dx: -1, dy: 0 })
  await writing.promise
  two.socket.terminate()
  await seesAtLast(0)
  isSlow = false
  left.resolve()
  // Longer than a change takes to be told.
  await new Promise((resolve) => setTimeout(resolve, 500))
  one.say({ type: 'hello' })
  await one.hears((frame) => frame.type === 'welcome' && frame !== one.welcome)
  t.deepEqual(one.last('welcome')?.['players'], [])
})

test('a visitor without a login has no place on the floor', async (t) => {
  const { url } = await shopServer(t)
  const counted = await fetch(`${url}/api/counter`, { method: 'POST' })
  for (const cookie of [undefined, counted.headers.getSetCookie()[0]?.split(';', 1)[0]]) {
    const [error] = (await once(customer(t, url, cookie).socket, 'error')) as [Error]
    t.regex(error.message, /401/)
  }
})

test('a plain request is told whether there is a floor', async (t) => {
  const { url } = await shopServer(t)
  t.deepEqual(await (await fetch(`${url}/api/floor`)).json(), { open: true })
})

test('what is no move is told, and changes nothing', async (t) => {
  const { url } = await shopServer(t)
  const { say, hears } = await onTheFloor(t, url, await cookieOf(url, 'user-1'))
  say({ type: 'move', id: 'far', dx: 5, dy: 0 })
  t.like(await hears(({ id }) => id === 'far'), { type: 'error', code: 'INVALID_MOVE' })
  say({ type: 'move', id: 'next', dx: 0, dy: 0 })
  t.like(await hears(({ id }) => id === 'next'), { type: 'moved', moves: 1 })
})

test('a wall stops a marker, and a coin is found where it lies', (t) => {
  t.like(moved({ x: 0, y: 0, score: 0, moves: 4 }, { dx: -1, dy: -1 }), { x: 0, y: 0, moves: 5 })
  const corner = { x: FLOOR.width - 1, y: FLOOR.height - 1 }
  t.like(moved({ ...corner, score: 0, moves: 0 }, { dx: 1, dy: 1 }), corner)
  const coin = coinFor(3)
  t.like(moved({ x: coin.x - 1, y: coin.y, score: 3, moves: 0 }, { dx: 1, dy: 0 }), { ...coin, score: 4 })
  t.is(stepOf({ dx: '1', dy: 0 }), undefined)
})
