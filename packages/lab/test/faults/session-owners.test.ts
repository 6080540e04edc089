/** Who is logged in, and where. */
import test from 'ava'
import type { EventBody, OperationEnded, OperationKind } from '@ninelives/history'
import { SessionOwners } from '../../src/faults/session-owners.ts'

type Done = readonly [kind: OperationKind, end: Omit<OperationEnded, 'type' | 'op' | 'endedAtMs'>, visit?: number]

const USER = 'user-3'

function ownerAfter(...done: readonly Done[]): string | undefined {
  const owners = new SessionOwners()
  for (const [op, [kind, end, visit = 1]] of done.entries()) {
    const times = { dueAtMs: 0, sentAtMs: 0, lateMs: 0 }
    const bodies: EventBody[] = [
      { type: 'operation-sent', op, user: USER, visit, tab: 0, kind, ...times },
      { type: 'operation-ended', op, endedAtMs: 1, ...end },
    ]
    for (const body of bodies) owners.take({ seq: op, atMs: op, ...body })
  }
  return owners.of(USER)
}

const login: Done = ['login', { outcome: 'ok', node: 'a' }]

test("a user's owner is the node that answered last", (t) => {
  t.is(ownerAfter(login), 'a')
  t.is(ownerAfter(login, ['put', { outcome: 'ok', node: 'b' }]), 'b')
  t.is(ownerAfter(login, ['logout', { outcome: 'ok', node: 'a' }]), undefined)
})

test('a visitor who only counts is not logged in', (t) => {
  t.is(ownerAfter(['count', { outcome: 'ok', node: 'a' }]), undefined)
  t.is(ownerAfter(['count', { outcome: 'ok', node: 'a' }], ['login', { outcome: 'ok', node: 'b' }]), 'b')
})

test('a failed operation logs no user out, unless it says so', (t) => {
  t.is(ownerAfter(login, ['read', { outcome: 'failed', why: '503', node: 'b' }]), 'a')
  t.is(ownerAfter(login, ['put', { outcome: 'unknown', why: 'reset' }]), 'a')
  t.is(ownerAfter(login, ['logout', { outcome: 'failed', why: 'refused' }]), 'a')
  t.is(ownerAfter(login, ['logout', { outcome: 'unknown', why: 'reset' }]), undefined)
  t.is(ownerAfter(login, ['read', { outcome: 'failed', why: 'logged-out', node: 'a' }]), undefined)
})

test('a late answer of an earlier visit says nothing about the next', (t) => {
  const next: Done = ['login', { outcome: 'ok', node: 'b' }, 2]
  const over: Done = ['logout', { outcome: 'ok', node: 'a' }]
  t.is(ownerAfter(login, over, ['read', { outcome: 'ok', node: 'a' }]), undefined)
  t.is(ownerAfter(login, over, next, ['read', { outcome: 'ok', node: 'a' }]), 'b')
  t.is(ownerAfter(login, next, over), 'b')
})

test('a node has the users that it answered last, and none from before it came back', (t) => {
  const owners = new SessionOwners()
  for (const [atMs, node] of [
    [10, 'a'],
    [20, 'a'],
    [30, 'b'],
  ] as const) {
    const about = { op: atMs, user: `user-${atMs}`, visit: 1, tab: 0, kind: 'login' } as const
    owners.take({ seq: atMs, atMs, type: 'operation-sent', ...about, dueAtMs: 0, sentAtMs: 0, lateMs: 0 })
    owners.take({ seq: atMs, atMs, type: 'operation-ended', op: atMs, endedAtMs: 1, outcome: 'ok', node })
  }
  t.deepEqual(
    [owners.usersAt('a', 0), owners.usersAt('a', 15), owners.usersAt('b', 15), owners.usersAt('c', 0)],
    [2, 1, 1, 0],
  )
})
