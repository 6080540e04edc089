import test from 'ava'
import { type ClusterState, type EventBody, initialState, narrate, reduce, Storyteller } from '../src/index.ts'
import { goodSecond, runStarted, stamped } from './events.ts'

/** What is said about the last of these events. */
function sentence(...bodies: [...EventBody[], EventBody]): string | undefined {
  const events = stamped(runStarted, { type: 'cluster-ready', inMs: 900 }, ...bodies)
  const last = events.pop()
  const before: ClusterState = events.reduce(reduce, initialState)
  return last && narrate(last, before)?.text
}

test('the death of a node says what died with it and what that means', (t) => {
  const down: EventBody = { type: 'node-down', node: 'b', pid: 1, code: null, signal: 'SIGKILL', held: 17 }
  t.is(sentence(down), 'node-b died (SIGKILL), it held 17 sessions; its users are logged out')
  t.is(sentence({ ...down, held: 0 }), 'node-b died (SIGKILL); its users are logged out')
  t.is(
    sentence({ ...down, held: 1, code: 1, signal: null }),
    'node-b died (exit 1), it held 1 session; its users are logged out',
  )
})

test('a node that was drained has left, not died', (t) => {
  const text = sentence(
    { type: 'node-draining', node: 'b' },
    { type: 'node-down', node: 'b', pid: 1, code: 0, signal: null, held: 0 },
  )
  t.is(text, 'node-b has drained and exited; its users are logged out')
})

test('a node is back only after it was away', (t) => {
  t.is(sentence({ type: 'node-up', node: 'b', pid: 9, downForMs: 1_730 }), 'node-b is back after 1.7 s, pid 9')
  t.is(sentence({ type: 'node-up', node: 'b', pid: 9 }), undefined)
})

test('a node is called by its name, with or without the word', (t) => {
  t.is(sentence({ type: 'node-resumed', node: 'node-c' }), 'node-c resumed')
})

test('a name that every object inherits is a name like any other', (t) => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    t.is(sentence({ type: name } as never), undefined)
    t.is(
      sentence({ type: 'process-down', process: name as never, pid: 1, code: 1, signal: null }),
      `${name} died (exit 1)`,
    )
    const fault = { fault: 'f1', kind: name, target: 'store' }
    t.is(sentence({ type: 'fault-injected', ...fault }, { type: 'fault-confirmed', fault: 'f1' }), undefined)
  }
})

test('a good second of users is no news, a bad one says all that went wrong', (t) => {
  t.is(sentence(goodSecond), undefined)
  const bad = { ...goodSecond, failed: { 'logged-out': 2, refused: 3 }, unknown: { reset: 1 }, loggedOut: 2, lost: 1 }
  t.is(
    sentence(bad),
    'users: logged out 2 times, 1 cart item lost, 3 requests failed (3 × refused), 1 change may or may not have been made (1 × reset)',
  )
})

test('what the balancer decides while the cluster starts is not told', (t) => {
  const [started, ejected] = stamped(runStarted, { type: 'upstream-ejected', upstream: 'a', reason: 'ECONNREFUSED' })
  t.truthy(started && ejected)
  t.is(narrate(ejected as never, reduce(initialState, started as never)), undefined)
  t.is(
    sentence({ type: 'upstream-ejected', upstream: 'a', reason: 'ECONNREFUSED' }),
    'the balancer ejected node-a: ECONNREFUSED',
  )
})

test('errors of users that go on are told a few times, and again after a good second', (t) => {
  const bad = { ...goodSecond, loggedOut: 1 }
  const teller = new Storyteller()
  const told = stamped(bad, bad, bad, bad, bad, goodSecond, bad).map((event) => teller.tell(event, initialState)?.text)
  const once = 'users: logged out 1 time'
  t.deepEqual(told, [once, once, once, 'users: and so on', undefined, undefined, once])
})

test('what a process notes again and again is told once in ten seconds, in the words of its log, with how often it came', (t) => {
  const noted = {
    type: 'process-noted',
    process: 'node-a',
    event: 'index-failed',
    warns: true,
    line: 'no list',
    detail: {},
  } as const
  const teller = new Storyteller()
  const told = [0, 100, 9_900, 10_000, 20_000].map(
    (atMs) => teller.tell({ ...noted, atMs, seq: 1 }, { ...initialState, phase: 'ready' })?.text,
  )
  const line = 'node-a: no list'
  t.deepEqual(told, [line, undefined, undefined, `${line} (2 times more before)`, line])
})

test('a new kind of error is told, in the middle of an old one', (t) => {
  const bad = { ...goodSecond, loggedOut: 1 }
  const worse = { ...bad, unknown: { timeout: 2 } }
  const teller = new Storyteller()
  const told = stamped(bad, bad, bad, bad, bad, worse).map((event) => teller.tell(event, initialState)?.text)
  t.is(told.at(-1), 'users: logged out 1 time, 2 changes may or may not have been made (2 × timeout)')
})

/** What is said when it lands, and when it is over. */
function faultTold(kind: string, target: string): (string | undefined)[] {
  const injected: EventBody = { type: 'fault-injected', fault: 'f1', kind, target }
  const confirmed: EventBody = { type: 'fault-confirmed', fault: 'f1' }
  return [sentence(injected, confirmed), sentence(injected, confirmed, { type: 'fault-healed', fault: 'f1' })]
}

test('faults of the store are told, as the store has no events of its own', (t) => {
  t.deepEqual(faultTold('kill', 'store'), [
    'the store: killed, and every session with it',
    'the store: back, with no session in it',
  ])
  t.deepEqual(faultTold('pause', 'store'), [
    'the store: paused: it keeps its connections and answers nothing',
    'the store: resumed',
  ])
  t.deepEqual(faultTold('failover', 'store'), [
    'the store: died, and its replica was promoted',
    'the store: the dead server is back as the replica',
  ])
})

test('of a node that is killed or paused, its own events tell', (t) => {
  for (const kind of ['kill', 'pause']) t.deepEqual(faultTold(kind, 'a'), [undefined, undefined])
})

test('a Redis that dies takes the sessions along, unless another one has them', (t) => {
  const down: EventBody = { type: 'process-down', process: 'redis', pid: 1, code: null, signal: 'SIGKILL' }
  t.is(sentence(down), 'redis-server died (SIGKILL), and every session with it: it keeps nothing on disk')
  const failover: EventBody = { type: 'fault-injected', fault: 'f1', kind: 'failover', target: 'store' }
  t.is(sentence(failover, down), 'redis-server died (SIGKILL)')
})

test('a node that waits for its store says why, and one that holds the sessions for how many nodes', (t) => {
  const waits: EventBody = {
    type: 'process-noted',
    process: 'node-a',
    event: 'store-awaited',
    warns: true,
    detail: { reason: 'it has met no other' },
  }
  t.is(sentence(waits), 'node-a waits for its session store before it serves: it has met no other')
  const events = stamped({ ...runStarted, store: 'replicated://a,b' }, { type: 'cluster-ready', inMs: 900 }, waits)
  const last = events.pop()
  const told = last && narrate(last, events.reduce(reduce, initialState))
  t.is(told?.text, 'node-a waits until 2 of 2 nodes run before it serves: it has met no other')
})
