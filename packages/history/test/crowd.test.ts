import test from 'ava'
import {
  Crowd,
  type EventBody,
  type Incident,
  initialState,
  judge,
  OP_FIELDS,
  type OperationEnded,
  type OperationSent,
  reduce,
  type TraceEvent,
} from '../src/index.ts'
import { runStarted } from './events.ts'

/** Writes events at given times, and lets the crowd follow them. */
class Run {
  readonly crowd = new Crowd()
  readonly events: TraceEvent[] = []
  #state = initialState
  #op = 0

  constructor() {
    this.at(0, { ...runStarted, users: 3 })
    for (const node of ['a', 'b']) this.at(1, { type: 'node-up', node, pid: 1 })
    this.at(1, { type: 'cluster-ready', inMs: 1 })
  }

  at(atMs: number, body: EventBody): void {
    const event: TraceEvent = { seq: this.events.length, atMs, ...body }
    this.events.push(event)
    this.crowd.take(event, this.#state)
    this.#state = reduce(this.#state, event)
  }

  /** One operation that takes ten milliseconds unless told otherwise. */
  op(atMs: number, user: number, sent: Partial<OperationSent>, ended: Partial<OperationEnded> = {}): void {
    const op = this.#op++
    const name = `user-${user}`
    const times = { dueAtMs: atMs, sentAtMs: atMs, lateMs: 0 }
    this.at(atMs, { type: 'operation-sent', op, user: name, visit: 1, tab: 0, kind: 'read', ...times, ...sent })
    const endedAtMs = ended.endedAtMs ?? atMs + 10
    const node = 'a'
    this.at(endedAtMs, { type: 'operation-ended', op, outcome: 'ok', as: name, node, ...ended, endedAtMs })
  }

  login(atMs: number, user: number, node: string): void {
    this.op(atMs, user, { kind: 'login' }, { node, items: [] })
  }

  kill(atMs: number, node: string): void {
    this.at(atMs, { type: 'fault-injected', fault: 'f1', kind: 'kill', target: node })
    this.at(atMs + 5, { type: 'node-down', node, pid: 1, code: null, signal: 'SIGKILL', held: 1 })
    this.at(atMs + 6, { type: 'fault-confirmed', fault: 'f1' })
  }

  get incident(): Incident | undefined {
    return this.crowd.view.incidents.at(-1)
  }
}

const nobody = { waiting: 0, unnoticed: 0, slow: 0, failed: 0, lost: 0, out: 0 }
const refused = { outcome: 'failed', why: 'logged-out' } as const

test('a kill meets the users whom that node served last, and each waits until it acts', (t) => {
  const run = new Run()
  for (const [user, node] of ['a', 'b', 'b'].entries()) run.login(10, user, node)
  run.kill(100, 'b')
  t.like(run.incident, { cause: 'killed', target: 'b', kind: 'kill', users: { ...nobody, waiting: 2 } })
  run.op(200, 1, {}, { node: 'a', items: [] })
  run.op(220, 2, {}, { endedAtMs: 1_800, node: 'a', items: [] })
  t.deepEqual(run.incident?.users, { ...nobody, unnoticed: 1, slow: 1 })
  t.deepEqual(run.crowd.view.served, [0, 0, 0])
})

test('a request with an old or a made-up cookie, which any node may answer, moves no user', (t) => {
  for (const kind of ['return', 'forge'] as const) {
    const run = new Run()
    run.login(10, 0, 'b')
    run.op(50, 0, { kind }, { node: 'a' })
    t.deepEqual(run.crowd.view.served, [1], kind)
    run.kill(100, 'b')
    t.is(run.incident?.users.waiting, 1, kind)
  }
})

test('a user who is refused was logged out, and stays counted after the next login', (t) => {
  const run = new Run()
  run.login(10, 0, 'b')
  run.op(40, 0, { kind: 'put', sku: 'x' }, { node: 'b', items: [['x', 1]] })
  run.kill(100, 'b')
  run.op(200, 0, {}, refused)
  t.deepEqual(run.crowd.view.standings, [2])
  run.op(300, 0, {}, refused)
  run.op(400, 0, { kind: 'login' }, { node: 'a' })
  t.deepEqual(run.crowd.view.standings, [1])
  run.op(500, 0, {}, { node: 'a', items: [] })
  t.like(run.incident, { users: { ...nobody, out: 1 }, items: 1 })
  t.deepEqual(run.crowd.view.found, { 'lost-session': 1 })
  const [anomaly] = run.crowd.view.anomalies
  t.deepEqual(
    anomaly?.ops.map(({ kind, outcome }) => [kind, outcome]),
    [
      ['login', 'ok'],
      ['read', 'failed'],
    ],
  )
  t.is(judge(run.events).sessions.lost, 1, 'the report says the same')
})

test('a session that was still lost when the run ended is found at the end', (t) => {
  const run = new Run()
  run.login(10, 0, 'b')
  run.kill(100, 'b')
  run.op(200, 0, {}, refused)
  t.deepEqual(run.crowd.view.found, {})
  run.crowd.finish()
  t.deepEqual(run.crowd.beat(300).found, { 'lost-session': 1 })
})

test('a session that is there again after a refusal was not lost', (t) => {
  const run = new Run()
  run.login(10, 0, 'b')
  run.kill(100, 'b')
  run.op(200, 0, {}, refused)
  t.is(run.incident?.users.out, 1)
  run.op(300, 0, {}, { node: 'a', items: [] })
  t.deepEqual(run.incident?.users, { ...nobody, failed: 1 })
  t.deepEqual(run.crowd.view.standings, [1])
})

test('a drain is no death, and what happens a minute later is not its doing', (t) => {
  const run = new Run()
  run.login(10, 0, 'b')
  run.at(100, { type: 'node-draining', node: 'b' })
  run.at(300, { type: 'node-down', node: 'b', pid: 1, code: 0, signal: null, held: 0 })
  run.op(400, 0, {}, { items: [] })
  run.op(70_000, 0, {}, { outcome: 'failed', why: 'timeout' })
  t.is(run.crowd.view.incidents.length, 1)
  t.like(run.incident, { cause: 'drained', users: { ...nobody, unnoticed: 1 } })
})

test('each failover is an incident, whichever of the two servers dies, and the death of a replica is none', (t) => {
  for (const afterMs of [5, 30]) {
    const run = new Run()
    const dies = (atMs: number, process: 'redis' | 'replica'): void =>
      run.at(atMs, { type: 'process-down', process, pid: 1, code: null, signal: 'SIGKILL' })
    const failover = (fault: string, fromMs: number, process: 'redis' | 'replica'): void => {
      run.at(fromMs, { type: 'fault-injected', fault, kind: 'failover', target: 'store' })
      // The end of a process may be seen before the replica has taken over, or after that.
      if (afterMs < 20) dies(fromMs + afterMs, process)
      run.at(fromMs + 20, { type: 'fault-confirmed', fault })
      if (afterMs > 20) dies(fromMs + afterMs, process)
      run.at(fromMs + 500, { type: 'process-up', process, pid: 2 })
      run.at(fromMs + 600, { type: 'fault-healed', fault })
    }
    failover('f1', 1_000, 'redis')
    failover('f2', 2_000, 'replica')
    dies(3_000, 'replica')
    const causes = () => run.crowd.view.incidents.map(({ cause, kind }) => [cause, kind])
    t.deepEqual(causes(), [
      ['store-down', 'failover'],
      ['store-down', 'failover'],
    ])
    dies(3_100, 'redis')
    t.deepEqual(causes().at(-1), ['store-down', undefined])
  }
})

test('beats say what changed since the last one, and add up to the view', (t) => {
  const run = new Run()
  run.login(10, 0, 'b')
  run.login(30, 2, 'a')
  const first = run.crowd.beat(50)
  t.is(first.ops.length, 2 * OP_FIELDS)
  t.deepEqual(first.ops.slice(0, OP_FIELDS), [0, 1, 0, 30, 10])
  t.deepEqual(first.standings, [0, 1, 2, 1])
  t.deepEqual(first.incidents, [])
  run.kill(100, 'b')
  const second = run.crowd.beat(200)
  t.deepEqual(second.ops, [])
  t.deepEqual(
    second.incidents.map(({ target }) => target),
    ['b'],
  )
  t.deepEqual(run.crowd.beat(300), {
    atMs: 300,
    ops: [],
    skipped: 0,
    standings: [],
    incidents: [],
    anomalies: [],
  })
})

test('an operation that ended before a death and is reported after it was on the dead node too', (t) => {
  const run = new Run()
  run.at(50, { type: 'cluster-ready', inMs: 1 })
  const times = { dueAtMs: 90, sentAtMs: 90, lateMs: 0 }
  run.at(91, { type: 'operation-sent', op: 100, user: 'user-1', visit: 1, tab: 0, kind: 'login', ...times })
  run.kill(100, 'b')
  run.at(120, { type: 'operation-ended', op: 100, endedAtMs: 99, outcome: 'ok', node: 'b' })
  t.deepEqual(run.incident?.users, { ...nobody, waiting: 1 })
  run.op(130, 1, { kind: 'count' }, { count: 1 })
  t.deepEqual(run.incident?.users, { ...nobody, waiting: 1 }, 'a count needs no login')
})

test('a user whose node is passed over is logged out without a death, and not by an earlier one', (t) => {
  const run = new Run()
  for (const user of [0, 1, 2]) run.login(10, user, user === 2 ? 'b' : 'a')
  run.op(40, 0, { kind: 'put', sku: 'x' }, { node: 'a', items: [['x', 1]] })
  run.kill(100, 'b')
  run.at(500, { type: 'upstream-ejected', upstream: 'a', reason: 'no answer in 500 ms' })
  run.op(600, 0, {}, { ...refused, node: 'b' })
  run.op(700, 1, {}, { ...refused, node: 'b' })
  const [death, passedOver, ...others] = run.crowd.view.incidents
  t.deepEqual(others, [])
  t.like(death, { cause: 'killed', target: 'b', users: { ...nobody, waiting: 1 } })
  t.like(passedOver, { cause: 'passed-over', target: 'a', reason: 'no answer in 500 ms', users: { ...nobody, out: 2 } })
  // The checkers call a session lost once its user has logged in again.
  run.login(800, 0, 'b')
  run.op(900, 0, {}, { node: 'b', items: [] })
  t.like(run.incident, { users: { ...nobody, out: 2 }, items: 1 })
  t.is(judge(run.events).sessions.lost, 2)
})

test('a user who is refused by the node that died, or after its death or pause, was not passed over', (t) => {
  for (const wound of ['killed', 'paused'] as const) {
    const run = new Run()
    run.login(10, 0, 'b')
    if (wound === 'killed') run.kill(100, 'b')
    else run.at(100, { type: 'node-paused', node: 'b' })
    if (wound === 'killed') run.at(150, { type: 'node-up', node: 'b', pid: 2 })
    else run.at(150, { type: 'node-resumed', node: 'b' })
    run.op(200, 0, {}, refused)
    t.is(run.crowd.view.incidents.length, 1)
    t.like(run.incident, { cause: wound, users: { ...nobody, out: 1 } })
  }
})

test('users who report a death before the lab has seen it were on the node that died', (t) => {
  const run = new Run()
  run.login(10, 0, 'b')
  run.login(30, 1, 'b')
  run.op(100, 0, {}, refused)
  t.like(run.incident, { cause: 'passed-over', target: 'b', users: { ...nobody, out: 1 } })
  run.at(150, { type: 'node-down', node: 'b', pid: 1, code: null, signal: 'SIGKILL', held: 2 })
  t.is(run.crowd.view.incidents.length, 1)
  t.like(run.incident, { cause: 'died', target: 'b', users: { ...nobody, out: 1, waiting: 1 } })
})

test('where the sessions are shared, a user who is refused was not passed over', (t) => {
  const run = new Run()
  run.at(2, { ...runStarted, store: 'redis://127.0.0.1:6379' })
  run.at(3, { type: 'cluster-ready', inMs: 1 })
  run.login(10, 0, 'b')
  run.op(200, 0, {}, refused)
  t.deepEqual(run.crowd.view.incidents, [])
})
