import test from 'ava'
import { type ClusterState, type EventBody, initialState, reduce, RECENT_SECONDS, sumRecent } from '../src/index.ts'
import { goodSecond, runStarted, stamped } from './events.ts'

const after = (...bodies: EventBody[]): ClusterState => stamped(runStarted, ...bodies).reduce(reduce, initialState)

test('a run begins with every node starting', (t) => {
  const state = after()
  t.is(state.phase, 'starting')
  t.deepEqual(
    state.nodes.map(({ name, state }) => [name, state]),
    [
      ['a', 'starting'],
      ['b', 'starting'],
    ],
  )
  t.is(state.balancer.url, 'http://127.0.0.1:8080')
})

test('a node that dies loses its pid and its sessions, and gets a new pid when it is back', (t) => {
  const lived: EventBody[] = [
    { type: 'node-starting', node: 'b', pid: 11, url: 'http://127.0.0.1:21002' },
    { type: 'node-up', node: 'b', pid: 11 },
    { type: 'sessions-held', held: { b: 17 } },
  ]
  t.like(after(...lived).nodes[1], { state: 'up', pid: 11, sessions: 17 })

  const died: EventBody = { type: 'node-down', node: 'b', pid: 11, code: null, signal: 'SIGKILL', held: 17 }
  t.deepEqual(after(...lived, died).nodes[1], {
    name: 'b',
    url: 'http://127.0.0.1:21002',
    state: 'down',
    sinceMs: 400,
    sessions: 0,
    deaths: 1,
    downtimeMs: 0,
    retries: 0,
    reroutes: 0,
    ejected: false,
    downAtMs: 400,
  })

  const back: EventBody[] = [
    { type: 'node-starting', node: 'b', pid: 12, url: 'http://127.0.0.1:21002' },
    { type: 'node-up', node: 'b', pid: 12, downForMs: 1_700 },
  ]
  const again = { state: 'up', sinceMs: 600, pid: 12, sessions: 0, deaths: 1, downtimeMs: 200 } as const
  t.like(after(...lived, died, ...back).nodes[1], again)
})

test('a node that has drained and exits is no death', (t) => {
  const left: EventBody[] = [
    { type: 'node-draining', node: 'b' },
    { type: 'node-down', node: 'b', pid: 11, code: 0, signal: null, held: 0 },
  ]
  t.like(after(...left).nodes[1], { state: 'down', deaths: 0, hasLeft: true })
  const back: EventBody = { type: 'node-starting', node: 'b', pid: 12, url: 'http://127.0.0.1:21002' }
  t.is(after(...left, back).nodes[1]?.hasLeft, undefined)
})

test('requests that the balancer sent on from a node add up, retries and reroutes apart', (t) => {
  const resent: EventBody = { type: 'requests-resent', upstream: 'b', retries: 2, reroutes: 3 }
  t.like(after(resent, resent).nodes[1], { retries: 4, reroutes: 6 })
  t.like(after(resent).nodes[0], { retries: 0, reroutes: 0 })
})

test('a fault is listed from its injection until it is healed', (t) => {
  const injected: EventBody = { type: 'fault-injected', fault: 'f1', kind: 'pause', target: 'a' }
  t.deepEqual(after(injected).faults, [{ id: 'f1', kind: 'pause', target: 'a' }])
  const confirmed: EventBody = { type: 'fault-confirmed', fault: 'f1' }
  t.is(after(injected, confirmed).faults[0]?.confirmedAtMs, 200)
  t.deepEqual(after(injected, confirmed, { type: 'fault-healed', fault: 'f1' }).faults, [])
  t.deepEqual(after(injected, { type: 'fault-failed', fault: 'f1', reason: 'no' }).faults, [])
})

test('a fault that landed and could not be healed is still there, until it is', (t) => {
  const stands: EventBody[] = [
    { type: 'fault-injected', fault: 'f1', kind: 'pause', target: 'a' },
    { type: 'fault-confirmed', fault: 'f1' },
    { type: 'fault-failed', fault: 'f1', reason: 'not healed: it stands still' },
  ]
  t.deepEqual(after(...stands).faults, [{ id: 'f1', kind: 'pause', target: 'a', confirmedAtMs: 200 }])
  t.deepEqual(after(...stands, { type: 'fault-healed', fault: 'f1' }).faults, [])
})

test('a node is ejected until it is readmitted, or the balancer that ejected it is gone', (t) => {
  const ejected: EventBody = { type: 'upstream-ejected', upstream: 'b', reason: 'refused' }
  t.deepEqual(
    after(ejected).nodes.map((node) => node.ejected),
    [false, true],
  )
  t.deepEqual(after(ejected).nodes[1]?.decision, { what: 'ejected', atMs: 100, reason: 'refused' })
  t.false(after(ejected, { type: 'upstream-readmitted', upstream: 'b' }).nodes[1]?.ejected)
  const gone: EventBody = { type: 'process-down', process: 'balancer', pid: 5, code: 1, signal: null }
  t.false(after(ejected, gone).nodes[1]?.ejected)
})

test('a process that died keeps its address', (t) => {
  const up: EventBody = { type: 'process-up', process: 'balancer', pid: 5, url: 'http://127.0.0.1:9090' }
  t.deepEqual(after(up).balancer, { url: 'http://127.0.0.1:9090', pid: 5 })
  const down: EventBody = { type: 'process-down', process: 'balancer', pid: 5, code: null, signal: 'SIGKILL' }
  t.deepEqual(after(up, down).balancer, { url: 'http://127.0.0.1:9090' })
})

test('seconds of users add up, and a logout is not counted among the errors as well', (t) => {
  const bad: EventBody = {
    ...goodSecond,
    ok: 14,
    failed: { 'logged-out': 3, refused: 1 },
    unknown: { reset: 2 },
    loggedOut: 3,
    lost: 5,
    users: { all: 10, loggedIn: 7, intact: 6 },
  }
  const { users } = after(goodSecond, bad)
  t.deepEqual(users.totals, { sent: 40, ok: 34, errors: 3, loggedOut: 3, lost: 5 })
  t.like(users, { all: 10, loggedIn: 7, intact: 6 })
  t.deepEqual(sumRecent(users, 10).byNode, { a: 24, b: 16 })
  t.is(sumRecent(users, 1).ok, 14)
  t.is(users.rate, runStarted.rate)
  t.is(after({ type: 'users-paced', rate: 10, reason: 'slower' }, goodSecond).users.rate, 10)
})

test('only the last minute of users is kept', (t) => {
  const { users } = after(...Array.from({ length: RECENT_SECONDS + 5 }, () => goodSecond))
  t.is(users.recent.length, RECENT_SECONDS)
  t.is(users.totals.sent, (RECENT_SECONDS + 5) * goodSecond.sent)
})

test('an event of a type that is not known yet only moves the state on', (t) => {
  const state = after()
  const later = reduce(state, { seq: 1, atMs: 9, type: 'from-the-future' } as never)
  t.deepEqual(later, { ...state, seq: 1, atMs: 9 })
})

test('reducing leaves the state that it was given as it was', (t) => {
  const state = after(goodSecond)
  const copy = structuredClone(state)
  for (const event of stamped(runStarted, { type: 'node-up', node: 'a', pid: 1 }, goodSecond)) reduce(state, event)
  t.deepEqual(state, copy)
})

const served = (node: string): EventBody => ({
  type: 'visitor-served',
  visitor: 'visitor-1',
  node,
  user: 'user-1',
  left: false,
})
const died = (node: string): EventBody => ({ type: 'node-down', node, pid: 1, code: null, signal: 'SIGKILL', held: 0 })
const deathAfter = (...bodies: EventBody[]): unknown => after(...bodies).visitors[0]?.death

test("a death is the visitor's if that node was one of the last three that answered, and has not died since", (t) => {
  t.like(deathAfter(served('b'), served('a'), died('b')), { node: 'b' })
  t.is(deathAfter(served('b'), served('a'), served('c'), served('d'), died('b')), undefined)
  const moved = [served('b'), died('b'), served('a')]
  t.like(deathAfter(...moved), { node: 'b', atMs: 200, next: 'a' })
  t.like(deathAfter(...moved, died('b')), { node: 'b', atMs: 200 }, 'its second death is not')
})

test('a visitor is logged out by the death of the node that answered last, and by no earlier or later one', (t) => {
  const refused: EventBody = { type: 'visitor-served', visitor: 'visitor-1', node: 'c', left: false }
  t.like(deathAfter(served('a'), served('b'), died('b'), refused), { node: 'b', next: 'c' })
  t.is(deathAfter(served('a'), served('b'), died('a'), refused), undefined, 'of another node')
  t.is(deathAfter(served('b'), died('b'), served('a'), refused), undefined, 'survived')
  t.is(deathAfter(served('b'), refused, died('b')), undefined, 'later')
})

test('a probe of the balancer that ends otherwise is kept with its time, until the balancer dies', (t) => {
  const probe = { type: 'probe-result', upstream: 'b', result: 'refused', tookMs: 1, everyMs: 250 } as const
  const state = after({ ...probe, result: 'ready' }, probe)
  t.deepEqual(state.nodes[1]?.probe, { result: 'refused', tookMs: 1, everyMs: 250, atMs: 200 })
  t.is(state.nodes[0]?.probe, undefined)
  const gone: EventBody = { type: 'process-down', process: 'balancer', pid: 5, code: null, signal: 'SIGKILL' }
  t.is(after(probe, gone).nodes[1]?.probe, undefined)
})

test('a node that waits for its store says why, until it is up or dies', (t) => {
  const waits: EventBody = {
    type: 'process-noted',
    process: 'node-b',
    event: 'store-awaited',
    warns: true,
    detail: { reason: 'connection refused' },
  }
  t.is(after(waits).nodes[1]?.awaits, 'connection refused')
  t.is(after({ ...waits, detail: {} }).nodes[1]?.awaits, '')
  t.is(after(waits, { type: 'node-up', node: 'b', pid: 1 }).nodes[1]?.awaits, undefined)
  const died: EventBody = { type: 'node-down', node: 'b', pid: 1, code: 1, signal: null, held: 0 }
  t.is(after(waits, died).nodes[1]?.awaits, undefined)
})

test('a majority of the nodes that hold the sessions has to run, of others one', (t) => {
  t.is(after().needs, 1)
  const nodes = ['a', 'b', 'c'].map((name) => ({ name, url: 'http://127.0.0.1:1' }))
  const mesh = stamped({ ...runStarted, store: 'replicated://a,b,c', nodes })
  t.is(mesh.reduce(reduce, initialState).needs, 2)
})

const up = (node: string): EventBody => ({ type: 'node-up', node, pid: 1 })
const down = (node: string): EventBody => ({
  type: 'node-down',
  node,
  pid: 1,
  code: null,
  signal: 'SIGKILL',
  held: 0,
})

test('the instant at which no node was left is kept', (t) => {
  const ready: EventBody = { type: 'cluster-ready', inMs: 1 }
  t.is(after(up('a'), up('b'), ready, down('a')).noneAtMs, undefined)
  t.is(after(up('a'), up('b'), ready, down('a'), down('b'), up('a')).noneAtMs, 500)
})
