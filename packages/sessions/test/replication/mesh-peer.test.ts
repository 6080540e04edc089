/** Peers of a mesh without sockets: bounds and messages that the simulation does not check. */
import test, { type ExecutionContext } from 'ava'
import type { SessionKey, SessionRecord, WriteResult } from '../../src/contract.ts'
import { Lease } from '../../src/replication/membership/lease.ts'
import type { Message, VerbOutcome } from '../../src/replication/wire/messages.ts'
import { Neighbours } from '../../src/replication/membership/neighbours.ts'
import type { Peer, PeerOptions } from '../../src/replication/replica/peer.ts'
import type { PeerContext } from '../../src/replication/context/peer-context.ts'
import { CurrentView } from '../../src/replication/membership/current-view.ts'
import { placement } from '../../src/replication/context/placement.ts'
import { standardTiming, TICK_MS } from '../../src/replication/context/timing.ts'
import { BUCKETS, LocalMesh } from '../support/mesh/local-mesh.ts'

const key = 'some-key' as SessionKey
const HOUR_MS = 3_600_000

/** The outcome of a verb. */
function outcome<T>(
  t: ExecutionContext,
  mesh: LocalMesh,
  start: (done: (outcome: VerbOutcome<T>) => void) => void,
): VerbOutcome<T> {
  const outcomes: VerbOutcome<T>[] = []
  start((each) => outcomes.push(each))
  for (let waited = 0; waited < 300 && outcomes.length === 0; waited++) mesh.run(TICK_MS)
  t.is(outcomes.length, 1)
  return outcomes[0] as VerbOutcome<T>
}

function value<T>(t: ExecutionContext, mesh: LocalMesh, start: (done: (outcome: VerbOutcome<T>) => void) => void): T {
  const result = outcome(t, mesh, start)
  if (!result.ok) throw new Error(`refused: ${result.refusal}`)
  return result.value
}

function opened(names: readonly string[], options: Partial<PeerOptions> = {}): LocalMesh {
  const mesh = new LocalMesh(names)
  for (const name of names) mesh.start(name, options)
  mesh.run(500)
  return mesh
}

const write = (at: Peer, expectedVersion: number, body: string, expiresAtMs: number) =>
  at.write.bind(at, key, { expectedVersion, expiresAtMs, body, ack: 'one' })
const read = (at: Peer) => at.read.bind(at, key)
const holders = (mesh: LocalMesh) => [...mesh.peers.values()].filter((each) => each.held(key) !== undefined).length
const of = (mesh: LocalMesh, name: string): Peer => mesh.peers.get(name) as Peer

for (const names of [['a'], ['a', 'b'], ['c', 'a', 'b'], 'abcdefghijkl'.split('')]) {
  test(`a mesh of ${names.length} is founded when all are there, and keeps what it is given`, (t) => {
    const mesh = opened(names)
    for (const each of mesh.peers.values()) t.like(each.status(), { serves: true, role: 'full', lease: true })
    const first = of(mesh, 'a')
    const result = value<WriteResult>(t, mesh, write(first, 0, 'one', mesh.nowMs + HOUR_MS))
    t.deepEqual(result, { status: 'written', version: 1 })
    t.is(holders(mesh), names.length)
    for (const each of mesh.peers.values())
      t.like(value<SessionRecord | undefined>(t, mesh, read(each)), { body: 'one' })
    mesh.run(100)
    for (const each of mesh.peers.values()) t.like(each.status(), { sessions: 1, pending: 0, repaired: 0 })
  })
}

test('touches that were lost are repaired in every bucket, also when nothing changes after them', (t) => {
  const mesh = opened(['a', 'b'])
  const [a, b] = [of(mesh, 'a'), of(mesh, 'b')]
  // Enough for every bucket, of which one round fetches half.
  const keys = Array.from({ length: 200 }, (_, index) => `key-${index}` as SessionKey)
  const expiresAtMs = mesh.nowMs + HOUR_MS
  for (const each of keys)
    value(t, mesh, a.write.bind(a, each, { expectedVersion: 0, expiresAtMs, body: 'one', ack: 'one' }))
  mesh.run(10 * standardTiming.repairMs)
  mesh.lost.add('touched')
  let touched = 0
  for (const each of keys) a.touch(each, expiresAtMs + HOUR_MS, () => touched++)
  mesh.run(100)
  t.is(touched, keys.length)
  mesh.lost.clear()
  mesh.run(10 * standardTiming.repairMs)
  const late = keys.filter((each) => b.held(each)?.change.untilMs !== expiresAtMs + HOUR_MS)
  t.is(late.length, 0)
  const asked = (): number => mesh.sent.filter(({ message }) => message.type === 'fetch').length
  const before = asked()
  mesh.run(10 * standardTiming.repairMs)
  t.is(asked(), before)
})

test('it is not founded by fewer than a majority, nor by a majority at once', (t) => {
  const mesh = new LocalMesh(['a', 'b', 'c'])
  mesh.start('a')
  mesh.run(5_000)
  t.regex(of(mesh, 'a').status().misses ?? '', /found a mesh of 3/)
  mesh.start('b')
  mesh.run(1_000)
  t.false(of(mesh, 'b').status().serves)
  mesh.run(4_000)
  t.true(of(mesh, 'b').status().serves)
  mesh.start('c')
  mesh.run(1_000)
  t.like(of(mesh, 'c').status(), { role: 'full', serves: true })
})

test('without a majority it neither reads nor writes, and says why', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS))
  mesh.stop('b')
  mesh.stop('c')
  mesh.run(400)
  t.regex(of(mesh, 'a').status().misses ?? '', /does not reach 2 of 3 nodes/)
  t.deepEqual(outcome(t, mesh, read(of(mesh, 'a'))), { ok: false, refusal: 'unavailable' })
  t.deepEqual(outcome(t, mesh, write(of(mesh, 'a'), 1, 'two', mesh.nowMs + HOUR_MS)), {
    ok: false,
    refusal: 'unavailable',
  })
})

for (const [what, end, withinMs] of [
  ['killed', (mesh: LocalMesh) => mesh.kill('c'), standardTiming.guardMs + 2 * TICK_MS],
  ['killed, and proven dead to one other', (mesh: LocalMesh) => mesh.kill('c', ['a']), 3 * TICK_MS],
  ['stopped', (mesh: LocalMesh) => mesh.stop('c'), 500],
] as const) {
  test(`when a node is ${what}, writes go on within ${withinMs} ms`, (t) => {
    const mesh = opened(['a', 'b', 'c'])
    end(mesh)
    const endedAtMs = mesh.nowMs
    t.like(value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS)), { status: 'written' })
    t.is(holders(mesh), 2)
    t.true(mesh.nowMs - endedAtMs <= withinMs, `${mesh.nowMs - endedAtMs} ms`)
  })
}

test('a death that is proven after the view without that node ends the wait for its lease', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  mesh.kill('c')
  while (of(mesh, 'a').status().view?.members[2]?.role === 'full') mesh.run(TICK_MS)
  const ends: VerbOutcome<WriteResult>[] = []
  write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS)((end) => ends.push(end))
  mesh.run(2 * TICK_MS)
  t.deepEqual(ends, [])
  mesh.prove('c', ['a'])
  t.like(ends, [{ ok: true, value: { status: 'written' } }])
})

test('a node that starts again answers correctly from its first request, and is full soon', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS))
  mesh.kill('c')
  mesh.run(1_000)
  value(t, mesh, write(of(mesh, 'a'), 1, 'two', mesh.nowMs + HOUR_MS))
  const back = mesh.start('c')
  t.like(value<SessionRecord | undefined>(t, mesh, read(back)), { version: 2, body: 'two' })
  mesh.run(500)
  t.like(back.status(), { role: 'full', sessions: 1 })
})

test('a node that starts again takes no traffic before it has a vote, so that another may die from then on', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  mesh.kill('c')
  mesh.run(1_000)
  mesh.lost.add('prepare')
  const back = mesh.start('c')
  mesh.run(300)
  t.like(back.status(), { serves: false, role: 'none' })
  mesh.lost.clear()
  mesh.run(500)
  t.like(back.status(), { serves: true, role: 'full' })
  mesh.kill('b')
  const killedAtMs = mesh.nowMs
  t.like(value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS)), { status: 'written' })
  t.true(mesh.nowMs - killedAtMs <= standardTiming.guardMs + 2 * TICK_MS)
})

test('a silent node keeps its place while another joins, and loses it once that one has everything', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  mesh.kill('c')
  mesh.run(1_000)
  mesh.lost.add('page')
  mesh.start('c')
  mesh.run(200)
  mesh.stop('b')
  mesh.run(1_000)
  const roles = (): Record<string, string> =>
    Object.fromEntries((of(mesh, 'a').status().view?.members ?? []).map(({ rank, role }) => ['abc'.charAt(rank), role]))
  t.deepEqual(roles(), { a: 'full', b: 'full', c: 'joining' })
  mesh.lost.clear()
  mesh.run(1_000)
  t.deepEqual(roles(), { a: 'full', b: 'out', c: 'full' })
})

test('a record is absent from the instant it expires, and a touch moves that for all', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  const untilMs = mesh.nowMs + 5_000
  value(t, mesh, write(of(mesh, 'a'), 0, 'one', untilMs))
  mesh.run(100)
  t.true(value<boolean>(t, mesh, (done) => of(mesh, 'b').touch(key, untilMs + 1_000, done)))
  t.true(value<boolean>(t, mesh, (done) => of(mesh, 'a').touch(key, untilMs, done)))
  mesh.run(untilMs + 500 - mesh.nowMs)
  t.like(value<SessionRecord | undefined>(t, mesh, read(of(mesh, 'c'))), { expiresAtMs: untilMs + 1_000 })
  mesh.run(untilMs + 1_000 - mesh.nowMs)
  for (const each of mesh.peers.values()) t.is(value(t, mesh, read(each)), undefined)
  t.false(value<boolean>(t, mesh, (done) => of(mesh, 'b').touch(key, mesh.nowMs + HOUR_MS, done)))
  mesh.run(standardTiming.keepMs + 1_000)
  for (const each of mesh.peers.values()) t.is(each.status().records, 0)
})

/** The wall clock of c may be ahead of the others. */
function openedWithClock(aheadMs: number): { mesh: LocalMesh; set: (aheadMs: number) => void } {
  let byMs = aheadMs
  const mesh = new LocalMesh(['a', 'b', 'c'])
  const clock = { monotonicMs: () => mesh.nowMs, wallMs: () => mesh.nowMs + byMs }
  for (const name of mesh.names) mesh.start(name, name === 'c' ? { clock } : {})
  mesh.run(500)
  return { mesh, set: (aheadMs) => (byMs = aheadMs) }
}

test('a wall clock that has jumped ahead removes nothing for ten minutes, as it may be put back', (t) => {
  const { mesh, set } = openedWithClock(0)
  const atC = () => value<SessionRecord | undefined>(t, mesh, read(of(mesh, 'c')))
  value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS))
  t.like(atC(), { body: 'one' })
  set(24 * HOUR_MS)
  t.is(atC(), undefined)
  mesh.run(2 * standardTiming.keepMs)
  set(0)
  t.like(atC(), { body: 'one' })
  mesh.run(1_000)
  set(24 * HOUR_MS)
  t.is(atC(), undefined)
  mesh.run(11 * 60_000)
  t.is(of(mesh, 'c').status().records, 0)
})

test('a wall clock that was ahead, and is put back, delays no removal', (t) => {
  const { mesh, set } = openedWithClock(24 * HOUR_MS)
  value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + 1_000))
  mesh.run(3_000)
  t.is(of(mesh, 'c').status().records, 0)
  set(0)
  const another = { expectedVersion: 0, expiresAtMs: mesh.nowMs + 1_000, body: 'one', ack: 'one' } as const
  value<WriteResult>(t, mesh, (done) => of(mesh, 'a').write('another' as SessionKey, another, done))
  t.is(of(mesh, 'c').status().records, 1)
  mesh.run(2 * standardTiming.keepMs)
  for (const each of mesh.peers.values()) t.is(each.status().records, 0)
})

test('a full peer takes no further record, and changes those that it has', (t) => {
  const mesh = opened(['a', 'b', 'c'], { recordsMax: 1 })
  value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS))
  value(t, mesh, write(of(mesh, 'a'), 1, 'two', mesh.nowMs + HOUR_MS))
  const another = outcome<WriteResult>(t, mesh, (done) =>
    of(mesh, 'a').write(
      'another' as SessionKey,
      { expectedVersion: 0, expiresAtMs: mesh.nowMs + HOUR_MS, body: '', ack: 'one' },
      done,
    ),
  )
  t.deepEqual(another, { ok: false, refusal: 'full' })
})

test('how many copies were asked for is how many there are, or it is refused', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  mesh.kill('c')
  mesh.run(500)
  const writing = (ack: 'local' | 'quorum' | 'all', expectedVersion: number) =>
    outcome<WriteResult>(t, mesh, (done) =>
      of(mesh, 'a').write(key, { expectedVersion, expiresAtMs: mesh.nowMs + HOUR_MS, body: ack, ack }, done),
    )
  t.deepEqual(writing('all', 0), { ok: false, refusal: 'unavailable' })
  t.like(writing('quorum', 0), { ok: true, value: { status: 'written' } })
  t.is(holders(mesh), 2)
  t.like(writing('local', 1), { ok: true, value: { status: 'written' } })
  t.like(value<SessionRecord | undefined>(t, mesh, read(of(mesh, 'b'))), { version: 2, body: 'local' })
})

test('a write that asks for one copy gets a conflict like any other', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS))
  const ends: VerbOutcome<WriteResult>[] = []
  for (const name of ['a', 'c']) {
    const body = { expectedVersion: 1, expiresAtMs: mesh.nowMs + HOUR_MS, body: name, ack: 'local' } as const
    of(mesh, name).write(key, body, (end) => ends.push(end))
  }
  mesh.run(500)
  t.deepEqual(new Set(ends.map((end) => end.ok && end.value.status)), new Set(['written', 'conflict']))
  t.is(ends.length, 2)
})

test('a node without a vote does not count for the majority, and the status says so', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS))
  mesh.kill('b')
  mesh.run(1_000)
  mesh.kill('c')
  mesh.run(1_000)
  mesh.start('c')
  mesh.run(1_000)
  t.regex(of(mesh, 'a').status().misses ?? '', /reaches 2 of 3 nodes, but too many have restarted/)
  mesh.start('b')
  mesh.run(2_000)
  for (const each of mesh.peers.values()) t.like(each.status(), { serves: true, role: 'full', sessions: 1 })
})

test('a node that was joining when a mesh was founded anew has nothing left to fetch', (t) => {
  const mesh = opened(['a', 'b'])
  let drawn = 0
  const random = (): number => ++drawn / 1_000
  const restart = (name: string): void => {
    mesh.kill(name)
    mesh.start(name, { random })
    mesh.run(1_000)
  }
  mesh.lost.add('page')
  restart('b')
  mesh.lost.clear()
  restart('a')
  t.true(mesh.events.some(({ event }) => event === 'lost'))
  restart('a')
  for (const each of mesh.peers.values()) t.like(each.status(), { serves: true, role: 'full' })
})

test('a dead node delays no write while another joins', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  mesh.kill('c')
  mesh.run(1_000)
  mesh.lost.add('page')
  mesh.start('c')
  mesh.run(200)
  mesh.kill('b')
  const killedAtMs = mesh.nowMs
  t.like(value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS)), { status: 'written' })
  t.true(mesh.nowMs - killedAtMs <= 500, `${mesh.nowMs - killedAtMs} ms`)
})

test('a process counts the echoes of its predecessor from its own start', (t) => {
  const clock = { monotonicMs: () => 100, wallMs: () => 0 }
  const context = { names: ['a', 'b', 'c'], rank: 0, clock } as unknown as PeerContext
  const lease = new Lease(context, new CurrentView(context), new Neighbours(context))
  t.deepEqual(lease.msSinceEchoes(130), [30, 30, 30])
  lease.sentEcho(1, 120)
  t.deepEqual(lease.msSinceEchoes(130), [30, 10, 30])
})

test('that a change is committed travels with the next change, or alone after a while', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  mesh.sent.length = 0
  value(t, mesh, write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS))
  value(t, mesh, write(of(mesh, 'a'), 1, 'two', mesh.nowMs + HOUR_MS))
  const types = (): Message['type'][] =>
    mesh.sent.map(({ message }) => message.type).filter((type) => type === 'invalidate' || type === 'validate')
  const travelling = ['invalidate', 'invalidate', 'validate', 'invalidate', 'validate', 'invalidate'] as const
  t.deepEqual(types(), travelling)
  mesh.run(standardTiming.validateMs + 2 * TICK_MS)
  t.deepEqual(types(), [...travelling, 'validate', 'validate'])
  for (const each of mesh.peers.values()) t.like(each.status(), { pending: 0 })
})

test('a change without an answer is sent again ever more seldom', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  mesh.sent.length = 0
  mesh.lost.add('ack')
  const ends: VerbOutcome<WriteResult>[] = []
  write(of(mesh, 'a'), 0, 'one', mesh.nowMs + HOUR_MS)((end) => ends.push(end))
  mesh.run(1_000)
  const sends = mesh.sent.filter(({ from, message }) => from === 'a' && message.type === 'invalidate').length / 2
  t.true(sends > 3 && sends < 8, `${sends}`)
  mesh.lost.clear()
  mesh.run(500)
  t.like(ends, [{ ok: true, value: { status: 'written' } }])
})

test('a closed peer refuses', (t) => {
  const mesh = opened(['a', 'b', 'c'])
  of(mesh, 'a').close()
  t.deepEqual(outcome(t, mesh, read(of(mesh, 'a'))), { ok: false, refusal: 'closed' })
  t.false(of(mesh, 'a').status().serves)
})

test('a node that is closed amid a change for another node says that its outcome is unknown, and it is made once', (t) => {
  const mesh = opened(['a', 'b', 'c'], { copies: 1 })
  const where = placement(mesh.names, 1, BUCKETS)
  const keys = Array.from({ length: 200 }, (_, index) => `key-${index}` as SessionKey)
  const ofBAndC = keys.find((each) => where.preference(where.bucketOf(each)).join() === '1,2') as SessionKey
  mesh.held.add('ack')
  const ends: VerbOutcome<WriteResult>[] = []
  const writing = { expectedVersion: 0, expiresAtMs: mesh.nowMs + HOUR_MS, body: 'one', ack: 'one' } as const
  of(mesh, 'a').write(ofBAndC, writing, (end) => ends.push(end))
  mesh.run(2 * TICK_MS)
  t.like(of(mesh, 'c').held(ofBAndC), { isCommitted: false })
  of(mesh, 'b').close()
  mesh.run(TICK_MS)
  mesh.kill('b', ['a', 'c'])
  mesh.held.clear()
  mesh.run(1_000)
  t.deepEqual(ends, [{ ok: false, refusal: 'unknown' }])
  t.like(of(mesh, 'c').held(ofBAndC), { isCommitted: true, change: { version: 1, body: 'one' } })
})

test('a list without its own name, or with one twice, is refused', (t) => {
  t.throws(() => new LocalMesh(['b', 'c']).start('a'), { instanceOf: RangeError })
  t.throws(() => new LocalMesh(['a', 'a']).start('a'), { instanceOf: RangeError })
})
