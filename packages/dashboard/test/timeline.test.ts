import test from 'ava'
import { type Beat, codeOf, type EventBody } from '@ninelives/history'
import { Chronicle } from '../src/page/data/chronicle.ts'
import { Player } from '../src/page/data/player.ts'
import { Timeline } from '../src/page/data/timeline.ts'

const started: EventBody = {
  type: 'run-started',
  schema: 1,
  run: 'r',
  startedAtMs: 0,
  seed: 1,
  strategy: { name: 'sticky', routing: 'affinity', summary: '', onNodeDeath: '' },
  store: 'memory:',
  balancerUrl: 'http://127.0.0.1:1',
  nodes: [{ name: 'a', url: 'http://127.0.0.1:2' }],
  users: 1,
  rate: 1,
}

const quiet: Omit<Beat, 'atMs'> = { ops: [], skipped: 0, standings: [], incidents: [], anomalies: [] }

/** A run of a minute: user-0 is served by node a from the tenth second on, and the node is down from 20 to 30. */
function recorded() {
  const timeline = new Timeline()
  const chronicle = new Chronicle()
  let seq = 0
  const event = (atMs: number, body: EventBody): void => {
    const message = { type: 'event', atMs, event: { seq: seq++, atMs, ...body } } as const
    timeline.add(message)
    chronicle.add(message, timeline.head.state)
  }
  const beat = (atMs: number, changes: Partial<Beat> = {}): void => {
    const message = { type: 'beat', atMs, beat: { ...quiet, atMs, ...changes } } as const
    timeline.add(message)
    chronicle.add(message, timeline.head.state)
  }
  event(0, started)
  event(5, { type: 'node-up', node: 'a', pid: 1 })
  event(6, { type: 'cluster-ready', inMs: 6 })
  for (let second = 1; second <= 60; second++) {
    if (second === 20) event(20_000, { type: 'node-down', node: 'a', pid: 1, code: null, signal: 'SIGKILL', held: 0 })
    if (second === 30) event(30_000, { type: 'node-up', node: 'a', pid: 2 })
    beat(second * 1_000, second === 10 ? { ops: [0, 0, 0, 5, 2], standings: [0, 1] } : {})
  }
  return { timeline, chronicle }
}

test('any time of the past can be shown, and is what it was', (t) => {
  const { timeline } = recorded()
  for (const [ms, life, served] of [
    [9_999, 'up', undefined],
    [10_000, 'up', 0],
    [20_000, 'down', 0],
    [29_999, 'down', 0],
    [30_000, 'up', 0],
  ] as const) {
    const { moment } = timeline.at(ms)
    t.is(moment.state.nodes[0]?.state, life, `${ms}`)
    t.is(moment.served[0], served, `${ms}`)
  }
  t.is(timeline.head.state.nodes[0]?.pid, 2, 'the newest state is untouched')
})

test('the node that answered a made-up cookie is not where the user is', (t) => {
  const { timeline } = recorded()
  const ops = [0, 1, codeOf('forge', 0), 5, 2, 1, 1, codeOf('read', 0), 5, 2]
  timeline.add({ type: 'beat', atMs: 61_000, beat: { ...quiet, atMs: 61_000, ops } })
  t.deepEqual(timeline.head.served, [0, 1])
})

test('what was paused goes on from there, and catches up', (t) => {
  const { timeline } = recorded()
  const player = new Player(timeline)
  player.seek(19_500)
  t.deepEqual(player.advance(1_000), [], 'it stands still')
  player.play()
  const passed = player.advance(600)
  t.true(passed.some((message) => message.type === 'event' && message.event.type === 'node-down'))
  t.is(player.moment.state.nodes[0]?.state, 'down')
  player.advance(60_000)
  t.true(player.isLive)
  t.is(player.moment, timeline.head)
})

test('what was paused for longer than the past is remembered goes on from what is remembered', (t) => {
  const { timeline } = recorded()
  const player = new Player(timeline)
  player.seek(19_500)
  const users = 50_000
  const ops = Array.from({ length: users }, (_, user) => [user, 0, 0, 0, 3]).flat()
  for (let second = 61; second <= 120; second++) {
    const atMs = second * 1_000
    timeline.add({ type: 'beat', atMs, beat: { ...quiet, atMs, ops } })
  }
  t.true(timeline.fromMs > 60_000)
  player.play()
  const passed = player.advance(500)
  t.is(player.moment.served.length, users)
  t.is(player.moment.state.nodes[0]?.state, 'up')
  t.true((player.atMs ?? 0) >= timeline.fromMs)
  t.deepEqual(passed, [], 'what was left out is not shown at once')
  t.true(player.takeJump())
  t.true(player.advance(2_000).length > 0)
})

test('the chronicle has spans for what was broken, and every operation that failed', (t) => {
  const { chronicle } = recorded()
  t.deepEqual(chronicle.spans, [{ lane: 'a', kind: 'down', fromMs: 20_000, toMs: 30_000 }])
  const ops = Array.from({ length: 1_000 }, (_, user) => [user, 0, user % 10 === 0 ? 1 : 0, 0, 3]).flat()
  chronicle.add({ type: 'beat', atMs: 61_000, beat: { ...quiet, atMs: 61_000, ops } }, recorded().timeline.head.state)
  t.is(chronicle.pointOutcome.filter((outcome) => outcome === 1).length, 100)
  t.true(chronicle.pointOutcome.length < 200)
})

test('a page that is opened late has the losses from the beginning', (t) => {
  const { state } = recorded().timeline.head
  const second = { atMs: 59_000, sent: 9, ok: 8, errors: 1, loggedOut: 1, lost: 2, p99Ms: 3, lateMs: 0, byNode: {} }
  const totals = { sent: 900, ok: 800, errors: 100, loggedOut: 11, lost: 22 }
  const recent = [second, { ...second, atMs: 60_000 }]
  const chronicle = new Chronicle()
  const late = { ...state, atMs: 60_000, users: { ...state.users, totals, recent } }
  chronicle.add({ type: 'state', atMs: 60_000, state: late }, late)
  t.deepEqual(chronicle.out, [10, 11])
  t.deepEqual(chronicle.lost, [20, 22])
})

test('of many single operations the whole run stays in sight, the newest in full', (t) => {
  const { chronicle, timeline } = recorded()
  const ops = Array.from({ length: 40 }, (_, user) => [user, 0, 0, 0, 3]).flat()
  const beats = 3_000
  for (let n = 1; n <= beats; n++) {
    const atMs = 61_000 + n * 250
    chronicle.add({ type: 'beat', atMs, beat: { ...quiet, atMs, ops } }, timeline.head.state)
  }
  const { pointAtMs } = chronicle
  t.true(pointAtMs.length <= 60_000)
  t.true((pointAtMs[0] ?? 0) < 62_000)
  const lastMs = pointAtMs.at(-1) ?? 0
  t.is(pointAtMs.filter((atMs) => atMs > lastMs - 60_000).length, 240 * 40)
})

test('copies of a state with many users are no more numerous than what happened to them needs', (t) => {
  const timeline = new Timeline()
  const ops = Array.from({ length: 1_000 }, (_, user) => [user, 0, 0, 0, 3]).flat()
  timeline.add({ type: 'beat', atMs: 0, beat: { ...quiet, atMs: 0, ops } })
  for (let second = 1; second <= 600; second++) {
    const standings = second === 300 ? [7, 1] : []
    timeline.add({ type: 'beat', atMs: second * 1_000, beat: { ...quiet, atMs: second * 1_000, standings } })
  }
  t.is(timeline.at(299_999).moment.standings[7], 0)
  t.is(timeline.at(300_000).moment.standings[7], 1)
  t.is(timeline.fromMs, 0)
})
