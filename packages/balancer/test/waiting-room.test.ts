import test from 'ava'
import type { ExecutionContext } from 'ava'
import { WaitingRoom } from '../src/waiting-room.ts'
import type { RoomGuest, RoomLimits } from '../src/waiting-room.ts'
import { until } from './fixtures/until.ts'

const LIMITS: RoomLimits = { waitMax: 10, waitBytesMax: 1_000, waitMs: 60_000 }
const metrics = { queued: () => {} }
const now = () => performance.now()

interface Room {
  readonly room: WaitingRoom
  /** What became of whom, in order. */
  readonly seen: string[]
  readonly guest: (name: string, session?: string, heldBytes?: number) => RoomGuest
}

function waitingRoom(t: ExecutionContext, limits: Partial<RoomLimits> = {}): Room {
  const seen: string[] = []
  const room = new WaitingRoom({ ...LIMITS, ...limits }, metrics, now)
  t.teardown(() => room.close())
  return {
    room,
    seen,
    guest: (name, session, heldBytes = 0) => ({
      session,
      heldBytes,
      released: () => seen.push(name),
      gaveUp: () => seen.push(`${name} gave up`),
    }),
  }
}

test('when a node is up they leave in the order in which they came', (t) => {
  const { room, seen, guest } = waitingRoom(t)
  for (const name of ['one', 'two', 'three']) t.true(room.join(guest(name), now()))
  t.is(room.length, 3)
  room.open()
  t.deepEqual(seen, ['one', 'two', 'three'])
  t.is(room.length, 0)
})

test('of a session the next leaves when the one before it is over', (t) => {
  const { room, seen, guest } = waitingRoom(t)
  const [first, second, third] = ['1', '2', '3'].map((name) => guest(name, 'session'))
  if (first === undefined || second === undefined || third === undefined) return t.fail()
  for (const each of [first, second, third]) room.join(each, now())
  room.join(guest('other', 'other session'), now())
  t.true(room.isBehind(guest('4', 'session')))
  t.false(room.isBehind(guest('5')))
  room.open()
  t.deepEqual(seen, ['1', 'other'])
  room.over(first)
  t.deepEqual(seen, ['1', 'other', '2'])
  room.leave(third)
  room.over(second)
  t.deepEqual(seen, ['1', 'other', '2'])
  t.false(room.isBehind(guest('6', 'session')))
})

test('one whose node died as well is the first of its session again', (t) => {
  const { room, seen, guest } = waitingRoom(t)
  const [first, second] = ['1', '2'].map((name) => guest(name, 'session'))
  if (first === undefined || second === undefined) return t.fail()
  const sinceMs = now()
  room.join(first, sinceMs)
  room.join(second, sinceMs)
  room.open()
  room.join(first, sinceMs)
  room.open()
  t.deepEqual(seen, ['1', '1'])
  room.over(first)
  t.deepEqual(seen, ['1', '1', '2'])
})

test('there is room for so many, and for so many bytes', (t) => {
  const { room, guest } = waitingRoom(t, { waitMax: 2 })
  const large = guest('large', undefined, 900)
  t.true(room.join(large, now()))
  t.false(room.join(guest('too large', undefined, 101), now()))
  t.true(room.join(guest('small', undefined, 100), now()))
  room.leave(large)
  t.true(room.join(guest('next', undefined, 900), now()))
  t.false(room.join(guest('one too many'), now()))
})

test('nobody waits longer than is allowed, all waits together', async (t) => {
  const { room, seen, guest } = waitingRoom(t, { waitMs: 100 })
  t.false(room.join(guest('has waited'), now() - 101))
  room.join(guest('will wait'), now())
  await until(() => seen.length > 0, { what: 'the end of the wait' })
  t.deepEqual(seen, ['will wait gave up'])
  t.is(room.length, 0)
})
