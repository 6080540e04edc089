import test from 'ava'
import { type ClusterState, initialState, reduce, type EventBody, type UsersSecond } from '@ninelives/history'
import { farewell, greeting } from '../../src/terminal/greeting.ts'
import { Story } from '../../src/terminal/story.ts'
import { watchLine, watchSentence, watchSummary } from '../../src/terminal/watch-lines.ts'

const plain = (_colour: unknown, text: string): string => text
const started: ClusterState = {
  ...initialState,
  phase: 'ready',
  startedAtMs: new Date(2_026, 0, 1, 12, 0, 0).getTime(),
  strategy: { name: 'redis', routing: 'round-robin', summary: 'in Redis', onNodeDeath: 'no user is logged out' },
  store: 'redis://127.0.0.1:6379',
  balancer: { url: 'http://127.0.0.1:8080', pid: 1 },
  nodes: ['a', 'b'].map((name, index) => ({
    name,
    url: `http://127.0.0.1:${21_000 + index}`,
    pid: 100 + index,
    state: 'up',
    sessions: 0,
    sinceMs: 0,
    deaths: 0,
    downtimeMs: 0,
    retries: 0,
    reroutes: 0,
    ejected: false,
  })),
}

const second: UsersSecond = {
  type: 'users-second',
  sent: 20,
  ok: 20,
  failed: {},
  unknown: {},
  loggedOut: 0,
  lost: 0,
  users: { all: 50, loggedIn: 50, intact: 50 },
  byNode: { a: 15, b: 5 },
  latencyMs: { p50: 2, p99: 8.4 },
  lateMs: 0.2,
}

/** Everything that is told of these events, a second apart. */
function told(...bodies: EventBody[]): string[] {
  const story = new Story(plain)
  let state = started
  return bodies.flatMap((body, index) => {
    const event = { seq: index, atMs: index * 1_000, ...body }
    const lines = story.tell(event, state)
    state = reduce(state, event)
    return lines
  })
}

test('an event is a line with the time of day', (t) => {
  t.deepEqual(told({ type: 'node-down', node: 'b', pid: 101, code: null, signal: 'SIGKILL', held: 0 }), [
    '12:00:00 node-b died (SIGKILL); no user is logged out',
  ])
})

test('good seconds are summed up every ten', (t) => {
  t.deepEqual(told(...Array.from({ length: 19 }, () => second)), [
    '12:00:09 users: 200 operations in 10 s, 0 failed · p99 8 ms · a 75 % · b 25 %',
  ])
})

test('users who are late themselves, for most of ten seconds, tell of a busy machine', (t) => {
  const late: UsersSecond = { ...second, lateMs: 240 }
  const [line = ''] = told(...Array.from({ length: 4 }, () => second), ...Array.from({ length: 6 }, () => late))
  t.regex(line, / · b 25 % · this machine is too busy: the users are 240 ms late themselves$/)
  const [fine = ''] = told(...Array.from({ length: 6 }, () => second), ...Array.from({ length: 4 }, () => late))
  t.regex(fine, / · b 25 %$/)
})

test('bad seconds are shown, up to a limit', (t) => {
  const bad: UsersSecond = { ...second, ok: 17, failed: { 'logged-out': 3 }, loggedOut: 3, lost: 1 }
  const lines = told(...Array.from({ length: 10 }, () => bad), second, bad)
  t.deepEqual(lines, [
    '12:00:00 users: logged out 3 times, 1 cart item lost',
    '12:00:01 users: logged out 3 times, 1 cart item lost',
    '12:00:02 users: logged out 3 times, 1 cart item lost',
    '12:00:03 users: and so on',
    '12:00:09 users: 200 operations in 10 s, 0 failed, logged out 30 times, 10 cart items lost · p99 8 ms · a 75 % · b 25 %',
    '12:00:11 users: logged out 3 times, 1 cart item lost',
  ])
})

test('the greeting can be copied from', (t) => {
  const text = greeting(started, plain, { controlUrl: 'http://127.0.0.1:4000' })
  t.regex(text, /Shop +http:\/\/127\.0\.0\.1:8080\n/)
  t.regex(text, /curl -X POST http:\/\/127\.0\.0\.1:4000\/api\/faults -d '\{"kind":"kill","target":"b"\}'\n/)
  t.regex(text, /kill -9 101\n/)
})

test('the farewell is one line', (t) => {
  const end = reduce(started, { seq: 1, atMs: 125_000, ...second })
  t.is(
    farewell(end, '/tmp/trace.ndjson'),
    'Stopped after 2 min 5 s: 20 operations, 0 failed, 0 logouts, 0 cart items lost; 0 node deaths. Trace: /tmp/trace.ndjson',
  )
})

test('a watched second is one line without any cursor tricks', (t) => {
  t.is(
    watchLine({ ...second, failed: { refused: 1 } }, ['a', 'b'], started.startedAtMs, plain),
    '12:00:00  a ██████··  75 %  b ██······  25 %  ok  20  failed 1  logged out 0  carts intact 50/50  p99 8 ms',
  )
  t.is(watchSentence('b', false, started.startedAtMs, plain), '12:00:00  node-b stopped answering')
})

test('a watch ends with totals', (t) => {
  const { users } = reduce(started, { seq: 1, atMs: 1_000, ...second, failed: { refused: 2 }, sent: 22 })
  const summary = watchSummary({
    target: 'http://h:1',
    users,
    seconds: 1,
    byNode: { b: 5, a: 15 },
    byKind: { refused: 2 },
    worstP99Ms: 8.4,
  })
  t.is(
    summary,
    `Watched http://h:1 for 1 second.
  operations    22
  ok            20 (90.91 %)
  failed        2 (2 × refused)
  logged out    0 times
  items lost    0
  carts intact  50/50
  answers       a 75 %, b 25 %
  worst p99     8 ms
`,
  )
})
