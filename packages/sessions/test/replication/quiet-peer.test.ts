/** Peers of a mesh without sockets: what they do while no session is read or changed, and how they wake. */
import test, { type ExecutionContext } from 'ava'
import type { SessionKey, SessionRecord, WriteResult } from '../../src/contract.ts'
import { standardTiming, TICK_MS } from '../../src/replication/context/timing.ts'
import type { Peer } from '../../src/replication/replica/peer.ts'
import type { VerbOutcome } from '../../src/replication/wire/messages.ts'
import { LocalMesh } from '../support/mesh/local-mesh.ts'

const key = 'some-key' as SessionKey
const HOUR_MS = 3_600_000
const { awakeMs, guardMs, heartbeatMs, keepMs, leaseMs, relinkMs, repairMs, suspectMs } = standardTiming
const twelve = 'abcdefghijkl'.split('')

const of = (mesh: LocalMesh, name: string): Peer => mesh.peers.get(name) as Peer

function opened(names: readonly string[] = ['a', 'b', 'c'], version?: number): LocalMesh {
  const mesh = new LocalMesh(names)
  if (version !== undefined) mesh.version = version
  for (const name of names) mesh.start(name)
  mesh.run(500)
  return mesh
}

/** With one session, and everything said that has to be. */
function quiet(t: ExecutionContext, names?: readonly string[]): LocalMesh {
  const mesh = opened(names)
  t.like(write(mesh, 'a', 0, 'one'), { ok: true })
  mesh.run(awakeMs + (mesh.names.length + 1) * repairMs)
  for (const each of mesh.peers.values())
    t.like(each.status(), { quiet: true, lease: mesh.names.length === 1, serves: true, pending: 0 })
  return mesh
}

/** The outcome, once there is one. */
function outcome<T>(mesh: LocalMesh, start: (done: (outcome: VerbOutcome<T>) => void) => void): VerbOutcome<T> {
  const outcomes: VerbOutcome<T>[] = []
  start((each) => outcomes.push(each))
  for (let waitedMs = 0; waitedMs < standardTiming.verbMs + 100 && outcomes.length === 0; waitedMs += TICK_MS)
    mesh.run(TICK_MS)
  return outcomes[0] as VerbOutcome<T>
}

const read = (mesh: LocalMesh, name: string) =>
  outcome<SessionRecord | undefined>(mesh, (done) => of(mesh, name).read(key, done))
const write = (mesh: LocalMesh, name: string, expectedVersion: number, body: string) =>
  outcome<WriteResult>(mesh, (done) =>
    of(mesh, name).write(key, { expectedVersion, expiresAtMs: mesh.nowMs + HOUR_MS, body, ack: 'one' }, done),
  )

for (const names of [['a'], ['a', 'b', 'c'], twelve]) {
  test(`a mesh of ${names.length} sends nothing while no session is read or changed, and still serves`, (t) => {
    const mesh = quiet(t, names)
    const sent = mesh.sent.length
    mesh.run(60_000)
    t.is(mesh.sent.length, sent)
    for (const each of mesh.peers.values()) t.like(each.status(), { quiet: true, serves: true })
  })
}

for (const names of [['a', 'b', 'c'], twelve]) {
  test(`of ${names.length} nodes, the first request takes the lease in one round trip, and the others stay quiet`, (t) => {
    const mesh = quiet(t, names)
    mesh.sent.length = 0
    const beganMs = mesh.nowMs
    t.like(read(mesh, 'b'), { ok: true, value: { body: 'one' } })
    t.true(mesh.nowMs - beganMs <= TICK_MS)
    const others = names.length - 1
    t.deepEqual(
      mesh.sent.map(({ from, message: { type } }) => (from === 'b' ? `b ${type}` : type)),
      [...Array.from({ length: others }, () => 'b heartbeat'), ...Array.from({ length: others }, () => 'echo')],
    )
    t.like(of(mesh, 'b').status(), { quiet: false, lease: true })
    t.like(of(mesh, 'a').status(), { quiet: true, lease: false })
    t.like(write(mesh, 'b', 1, 'two'), { ok: true, value: { status: 'written' } })
    mesh.run(awakeMs + heartbeatMs)
    t.like(of(mesh, 'b').status(), { quiet: true })
  })
}

test('acknowledged changes take the place of heartbeats', (t) => {
  const mesh = quiet(t)
  t.like(write(mesh, 'a', 1, 'two'), { ok: true })
  mesh.sent.length = 0
  for (let version = 2; version < 52; version++) {
    t.like(write(mesh, 'a', version, 'more'), { ok: true })
    t.true(of(mesh, 'a').status().lease)
  }
  const heartbeats = mesh.sent.filter(({ from, message: { type } }) => from === 'a' && type === 'heartbeat').length
  t.true(heartbeats <= 2, `${heartbeats} heartbeats`)
})

test('a node that is killed while all are quiet is dropped, and the first request waits for nothing', (t) => {
  const mesh = quiet(t)
  mesh.kill('c')
  mesh.run(relinkMs + 5 * TICK_MS)
  t.like(of(mesh, 'a').status().view, { members: [{ role: 'full' }, { role: 'full' }, { role: 'out' }] })
  const beganMs = mesh.nowMs
  t.like(read(mesh, 'b'), { ok: true, value: { body: 'one' } })
  t.like(write(mesh, 'b', 1, 'two'), { ok: true, value: { status: 'written' } })
  t.true(mesh.nowMs - beganMs <= 2 * TICK_MS, `${mesh.nowMs - beganMs} ms`)
  mesh.run(awakeMs + 3 * repairMs)
  t.like(of(mesh, 'a').status(), { quiet: true, serves: true })
})

test('a node that stands still while all are quiet delays no read, and a write until it is suspected', (t) => {
  const mesh = quiet(t)
  mesh.stop('c')
  mesh.run(60_000)
  t.true(of(mesh, 'a').status().quiet)
  const beganMs = mesh.nowMs
  t.like(read(mesh, 'a'), { ok: true, value: { body: 'one' } })
  t.true(mesh.nowMs - beganMs <= TICK_MS)
  t.like(write(mesh, 'a', 1, 'two'), { ok: true, value: { status: 'written' } })
  t.true(mesh.nowMs - beganMs <= suspectMs + 5 * TICK_MS, `${mesh.nowMs - beganMs} ms`)
})

test('without a majority a node that wakes serves nothing', (t) => {
  const mesh = quiet(t)
  mesh.stop('b')
  mesh.stop('c')
  t.true(of(mesh, 'a').status().serves)
  t.deepEqual(read(mesh, 'a'), { ok: false, refusal: 'unavailable' })
  t.false(of(mesh, 'a').status().serves)
})

test('an expired session is removed while all are quiet', (t) => {
  const mesh = quiet(t)
  const sent = mesh.sent.length
  mesh.run(HOUR_MS + keepMs + 1_000 - awakeMs)
  for (const each of mesh.peers.values()) t.like(each.status(), { quiet: true, records: 0 })
  t.is(mesh.sent.length, sent)
})

test('no node is quiet beside one that speaks the former version of the protocol', (t) => {
  const mesh = opened(['a', 'b', 'c'], 1)
  mesh.run(2 * awakeMs)
  for (const each of mesh.peers.values()) t.like(each.status(), { quiet: false, lease: true })
})

test('a node that is promised to a later view acknowledges no change', (t) => {
  const mesh = quiet(t)
  t.like(read(mesh, 'a'), { ok: true })
  const base = of(mesh, 'a').status().view
  of(mesh, 'b').receive('c', { type: 'prepare', ballot: 1_000, base, present: undefined })
  mesh.sent.length = 0
  of(mesh, 'a').write(key, { expectedVersion: 1, expiresAtMs: mesh.nowMs + HOUR_MS, body: 'two', ack: 'one' }, () => {})
  mesh.run(TICK_MS)
  const answers = (name: string) =>
    mesh.sent.filter(({ from, message }) => from === name && message.type === 'ack').length
  t.deepEqual([answers('b'), answers('c')], [0, 1])
})

test('a voter counts an acknowledgement among its echoes', (t) => {
  const mesh = quiet(t)
  t.like(read(mesh, 'a'), { ok: true })
  mesh.lost.add('heartbeat')
  mesh.run(leaseMs - 3 * TICK_MS)
  t.like(write(mesh, 'a', 1, 'two'), { ok: true })
  mesh.sent.length = 0
  mesh.kill('c')
  mesh.run(relinkMs + 3 * TICK_MS)
  const promise = mesh.sent.find(({ from, message }) => from === 'b' && message.type === 'promise')?.message
  const sinceEchoMs = promise?.type === 'promise' ? promise.quietMs[0] : undefined
  t.true(sinceEchoMs !== undefined && sinceEchoMs <= relinkMs + 4 * TICK_MS, `${sinceEchoMs} ms`)
})

test('a late acknowledgement renews the lease from when the change was sent first', (t) => {
  const mesh = quiet(t)
  t.like(read(mesh, 'a'), { ok: true })
  mesh.lost.add('heartbeat')
  mesh.held.add('ack')
  of(mesh, 'a').write(key, { expectedVersion: 1, expiresAtMs: mesh.nowMs + HOUR_MS, body: 'two', ack: 'one' }, () => {})
  mesh.run(leaseMs + 2 * TICK_MS)
  t.false(of(mesh, 'a').status().lease)
  t.true(
    mesh.sent.filter(({ from, message: { type } }) => from === 'a' && type === 'invalidate').length > 2,
    'it was sent again',
  )
  mesh.held.clear()
  mesh.run(TICK_MS)
  t.false(of(mesh, 'a').status().lease)
  t.true(guardMs > leaseMs)
})
