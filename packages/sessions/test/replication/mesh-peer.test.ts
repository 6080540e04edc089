/** Peers of a mesh joined by hand: what a simulation with everything going wrong is too coarse to see. */
import test, { type ExecutionContext } from 'ava'
import type { SessionKey, SessionRecord, WriteResult } from '../../src/contract.ts'
import { Lease } from '../../src/replication/membership/lease.ts'
import type { Outcome } from '../../src/replication/wire/messages.ts'
import { Neighbours } from '../../src/replication/membership/neighbours.ts'
import { type Peer, type PeerOptions, TICK_MS } from '../../src/replication/replica/peer.ts'
import type { Site } from '../../src/replication/context/peer-context.ts'
import { Standing } from '../../src/replication/membership/current-view.ts'
import { standardTiming } from '../../src/replication/context/timing.ts'
import { Hall } from '../support/local-mesh.ts'

const key = 'some-key' as SessionKey
const HOUR_MS = 3_600_000

/** What a verb came to, after the hall has run for a while. */
function outcome<T>(t: ExecutionContext, hall: Hall, start: (done: (outcome: Outcome<T>) => void) => void): Outcome<T> {
  const outcomes: Outcome<T>[] = []
  start((each) => outcomes.push(each))
  for (let waited = 0; waited < 300 && outcomes.length === 0; waited++) hall.run(TICK_MS)
  t.is(outcomes.length, 1)
  return outcomes[0] as Outcome<T>
}

function value<T>(t: ExecutionContext, hall: Hall, start: (done: (outcome: Outcome<T>) => void) => void): T {
  const result = outcome(t, hall, start)
  if (!result.ok) throw new Error(`refused: ${result.refusal}`)
  return result.value
}

function opened(names: readonly string[], options: Partial<PeerOptions> = {}): Hall {
  const hall = new Hall(names)
  for (const name of names) hall.start(name, options)
  hall.run(500)
  return hall
}

const write = (at: Peer, expectedVersion: number, body: string, expiresAtMs: number) =>
  at.write.bind(at, key, { expectedVersion, expiresAtMs, body, ack: 'one' })
const read = (at: Peer, atLeastVersion = 0) => at.read.bind(at, key, { atLeastVersion })
const of = (hall: Hall, name: string): Peer => hall.peers.get(name) as Peer

for (const names of [['a'], ['a', 'b'], ['c', 'a', 'b'], 'abcdefghijkl'.split('')]) {
  test(`a mesh of ${names.length} is founded when all are there, and keeps what it is given`, (t) => {
    const hall = opened(names)
    for (const each of hall.peers.values()) t.like(each.status(), { serves: true, role: 'full', lease: true })
    const first = of(hall, 'a')
    const result = value<WriteResult>(t, hall, write(first, 0, 'one', hall.nowMs + HOUR_MS))
    t.deepEqual(result, { status: 'written', version: 1, receipt: { copies: names.length } })
    for (const each of hall.peers.values())
      t.like(value<SessionRecord | undefined>(t, hall, read(each)), { body: 'one' })
    hall.run(100)
    for (const each of hall.peers.values()) t.like(each.status(), { sessions: 1, pending: 0, repaired: 0 })
  })
}

test('it is not founded by fewer than a majority, nor by a majority at once', (t) => {
  const hall = new Hall(['a', 'b', 'c'])
  hall.start('a')
  hall.run(5_000)
  t.regex(of(hall, 'a').status().misses ?? '', /found a mesh of 3/)
  hall.start('b')
  hall.run(1_000)
  t.false(of(hall, 'b').status().serves)
  hall.run(4_000)
  t.true(of(hall, 'b').status().serves)
  hall.start('c')
  hall.run(1_000)
  t.like(of(hall, 'c').status(), { role: 'full', serves: true })
})

test('without a majority it neither reads nor writes, and says why', (t) => {
  const hall = opened(['a', 'b', 'c'])
  value(t, hall, write(of(hall, 'a'), 0, 'one', hall.nowMs + HOUR_MS))
  hall.stop('b')
  hall.stop('c')
  hall.run(400)
  t.regex(of(hall, 'a').status().misses ?? '', /does not reach 2 of 3 nodes/)
  t.deepEqual(outcome(t, hall, read(of(hall, 'a'))), { ok: false, refusal: 'unavailable' })
  t.deepEqual(outcome(t, hall, write(of(hall, 'a'), 1, 'two', hall.nowMs + HOUR_MS)), {
    ok: false,
    refusal: 'unavailable',
  })
})

for (const [what, end, withinMs] of [
  ['killed', (hall: Hall) => hall.kill('c'), standardTiming.guardMs + 2 * TICK_MS],
  ['stopped', (hall: Hall) => hall.stop('c'), 500],
] as const) {
  test(`when a node is ${what}, writes go on within ${withinMs} ms`, (t) => {
    const hall = opened(['a', 'b', 'c'])
    end(hall)
    const endedAtMs = hall.nowMs
    t.like(value(t, hall, write(of(hall, 'a'), 0, 'one', hall.nowMs + HOUR_MS)), {
      status: 'written',
      receipt: { copies: 2 },
    })
    t.true(hall.nowMs - endedAtMs <= withinMs, `${hall.nowMs - endedAtMs} ms`)
  })
}

test('a node that starts again is right from its first request, and full soon', (t) => {
  const hall = opened(['a', 'b', 'c'])
  value(t, hall, write(of(hall, 'a'), 0, 'one', hall.nowMs + HOUR_MS))
  hall.kill('c')
  hall.run(1_000)
  value(t, hall, write(of(hall, 'a'), 1, 'two', hall.nowMs + HOUR_MS))
  const back = hall.start('c')
  t.like(value<SessionRecord | undefined>(t, hall, read(back)), { version: 2, body: 'two' })
  hall.run(500)
  t.like(back.status(), { role: 'full', sessions: 1 })
})

test('a node that starts again takes no traffic before it has a vote, so that another may die from then on', (t) => {
  const hall = opened(['a', 'b', 'c'])
  hall.kill('c')
  hall.run(1_000)
  hall.lost.add('prepare')
  const back = hall.start('c')
  hall.run(300)
  t.like(back.status(), { serves: false, role: 'none' })
  hall.lost.clear()
  hall.run(500)
  t.like(back.status(), { serves: true, role: 'full' })
  hall.kill('b')
  const killedAtMs = hall.nowMs
  t.like(value(t, hall, write(of(hall, 'a'), 0, 'one', hall.nowMs + HOUR_MS)), { status: 'written' })
  t.true(hall.nowMs - killedAtMs <= standardTiming.guardMs + 2 * TICK_MS)
})

test('who falls silent keeps its place while another joins, and loses it once that one has everything', (t) => {
  const hall = opened(['a', 'b', 'c'])
  hall.kill('c')
  hall.run(1_000)
  hall.lost.add('page')
  hall.start('c')
  hall.run(200)
  hall.stop('b')
  hall.run(1_000)
  const roles = (): Record<string, string> =>
    Object.fromEntries((of(hall, 'a').status().view?.members ?? []).map(({ rank, role }) => ['abc'.charAt(rank), role]))
  t.deepEqual(roles(), { a: 'full', b: 'full', c: 'joining' })
  hall.lost.clear()
  hall.run(1_000)
  t.deepEqual(roles(), { a: 'full', b: 'out', c: 'full' })
})

test('a record is absent from the instant it expires, and a touch moves that for all', (t) => {
  const hall = opened(['a', 'b', 'c'])
  const untilMs = hall.nowMs + 5_000
  value(t, hall, write(of(hall, 'a'), 0, 'one', untilMs))
  hall.run(100)
  t.true(value<boolean>(t, hall, (done) => of(hall, 'b').touch(key, untilMs + 1_000, done)))
  t.true(value<boolean>(t, hall, (done) => of(hall, 'a').touch(key, untilMs, done)))
  hall.run(untilMs + 500 - hall.nowMs)
  t.like(value<SessionRecord | undefined>(t, hall, read(of(hall, 'c'))), { expiresAtMs: untilMs + 1_000 })
  hall.run(untilMs + 1_000 - hall.nowMs)
  for (const each of hall.peers.values()) t.is(value(t, hall, read(each)), undefined)
  t.false(value<boolean>(t, hall, (done) => of(hall, 'b').touch(key, hall.nowMs + HOUR_MS, done)))
  hall.run(standardTiming.keepMs + 1_000)
  for (const each of hall.peers.values()) t.is(each.status().records, 0)
})

test('it never answers with a version older than the client has seen', (t) => {
  const hall = opened(['a', 'b', 'c'])
  value(t, hall, write(of(hall, 'a'), 0, 'one', hall.nowMs + HOUR_MS))
  t.like(value<SessionRecord | undefined>(t, hall, read(of(hall, 'b'), 1)), { version: 1 })
  t.deepEqual(outcome(t, hall, read(of(hall, 'b'), 2)), { ok: false, refusal: 'unavailable' })
})

test('a full peer takes no further record, and changes those that it has', (t) => {
  const hall = opened(['a', 'b', 'c'], { recordsMax: 1 })
  value(t, hall, write(of(hall, 'a'), 0, 'one', hall.nowMs + HOUR_MS))
  value(t, hall, write(of(hall, 'a'), 1, 'two', hall.nowMs + HOUR_MS))
  const another = outcome<WriteResult>(t, hall, (done) =>
    of(hall, 'a').write(
      'another' as SessionKey,
      { expectedVersion: 0, expiresAtMs: hall.nowMs + HOUR_MS, body: '', ack: 'one' },
      done,
    ),
  )
  t.deepEqual(another, { ok: false, refusal: 'full' })
})

test('how many copies were asked for is how many there are, or it is refused', (t) => {
  const hall = opened(['a', 'b', 'c'])
  hall.kill('c')
  hall.run(500)
  const writing = (ack: 'local' | 'quorum' | 'all', expectedVersion: number) =>
    outcome<WriteResult>(t, hall, (done) =>
      of(hall, 'a').write(key, { expectedVersion, expiresAtMs: hall.nowMs + HOUR_MS, body: ack, ack }, done),
    )
  t.deepEqual(writing('all', 0), { ok: false, refusal: 'unavailable' })
  t.like(writing('quorum', 0), { ok: true, value: { status: 'written', receipt: { copies: 2 } } })
  t.like(writing('local', 1), { ok: true, value: { status: 'written', receipt: { copies: 2 } } })
  t.like(value<SessionRecord | undefined>(t, hall, read(of(hall, 'b'), 2)), { body: 'local' })
})

test('who asks for one copy only is told of a conflict like everybody', (t) => {
  const hall = opened(['a', 'b', 'c'])
  value(t, hall, write(of(hall, 'a'), 0, 'one', hall.nowMs + HOUR_MS))
  const ends: Outcome<WriteResult>[] = []
  for (const name of ['a', 'c']) {
    const body = { expectedVersion: 1, expiresAtMs: hall.nowMs + HOUR_MS, body: name, ack: 'local' } as const
    of(hall, name).write(key, body, (end) => ends.push(end))
  }
  hall.run(500)
  t.deepEqual(new Set(ends.map((end) => end.ok && end.value.status)), new Set(['written', 'conflict']))
  t.is(ends.length, 2)
})

test('who can be reached and has no vote is no help, and that is said', (t) => {
  const hall = opened(['a', 'b', 'c'])
  value(t, hall, write(of(hall, 'a'), 0, 'one', hall.nowMs + HOUR_MS))
  hall.kill('b')
  hall.run(1_000)
  hall.kill('c')
  hall.run(1_000)
  hall.start('c')
  hall.run(1_000)
  t.regex(of(hall, 'a').status().misses ?? '', /reaches 2 of 3 nodes, but too many have restarted/)
  hall.start('b')
  hall.run(2_000)
  for (const each of hall.peers.values()) t.like(each.status(), { serves: true, role: 'full', sessions: 1 })
})

test('who died holds up nobody while another joins', (t) => {
  const hall = opened(['a', 'b', 'c'])
  hall.kill('c')
  hall.run(1_000)
  hall.lost.add('page')
  hall.start('c')
  hall.run(200)
  hall.kill('b')
  const killedAtMs = hall.nowMs
  t.like(value(t, hall, write(of(hall, 'a'), 0, 'one', hall.nowMs + HOUR_MS)), { status: 'written' })
  t.true(hall.nowMs - killedAtMs <= 500, `${hall.nowMs - killedAtMs} ms`)
})

test('whom a predecessor may have echoed last, a process takes for echoed at its own start', (t) => {
  const clock = { monotonicMs: () => 100, wallMs: () => 0 }
  const site = { names: ['a', 'b', 'c'], rank: 0, clock } as unknown as Site
  const lease = new Lease(site, new Standing(site), new Neighbours(site))
  t.deepEqual(lease.quietMs(130), [30, 30, 30])
  lease.gave(1, 120)
  t.deepEqual(lease.quietMs(130), [30, 10, 30])
})

test('a closed peer refuses', (t) => {
  const hall = opened(['a', 'b', 'c'])
  of(hall, 'a').close()
  t.deepEqual(outcome(t, hall, read(of(hall, 'a'))), { ok: false, refusal: 'closed' })
  t.false(of(hall, 'a').status().serves)
})

test('a list without its own name, or with one twice, is refused', (t) => {
  t.throws(() => new Hall(['b', 'c']).start('a'), { instanceOf: RangeError })
  t.throws(() => new Hall(['a', 'a']).start('a'), { instanceOf: RangeError })
})
