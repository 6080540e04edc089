/** The private Redis, broken on purpose. */
import test, { type ExecutionContext } from 'ava'
import { findServer } from '../../src/cluster/servers/index.ts'
import { askRedis } from '../../src/cluster/servers/redis.ts'
import { ownPrograms } from '../../src/cluster/programs.ts'
import { failover } from '../../src/faults/kinds/store/failover.ts'
import type { Lab, LabOptions } from '../../src/lab.ts'
import { findStrategy } from '../../src/strategies.ts'
import { runState } from '../../src/supervise/process-table.ts'
import { until } from '../../src/wait.ts'
import { ask, type Body } from '../fixtures/ask.ts'
import { startedLab } from '../fixtures/open-lab.ts'

const server = findServer('redis', process.env['PATH'] ?? '')
const inRedis = server === undefined ? test.skip : test

function redisLab(t: ExecutionContext, changes: Partial<LabOptions> = {}): Promise<Lab> {
  const strategy = findStrategy('redis')
  if (strategy === undefined || server === undefined) throw new Error('there is no Redis')
  return startedLab(t, { strategy, server, nodes: 1, programs: ownPrograms(), ...changes })
}

async function inject(lab: Lab, body: object): Promise<Body> {
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body })
  if (status !== 201) throw new Error(`it was answered by ${status}: ${json.error.message}`)
  return json
}

/** Logs in, and returns what asks who that cookie belongs to. */
async function loggedIn({ cluster }: Lab): Promise<() => Promise<boolean>> {
  const url = cluster.nodes[0]?.url ?? ''
  const login = await fetch(`${url}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'user-0', password: 'password-0' }),
  })
  const cookie = login.headers
    .getSetCookie()
    .map((each) => each.split(';', 1)[0])
    .join('; ')
  return async () => {
    const answer = await fetch(`${url}/api/session`, { headers: { cookie } })
    return ((await answer.json()) as { authenticated?: boolean }).authenticated === true
  }
}

/** Resolves with the replica's port, once it follows and has what the store has. */
async function copied({ cluster: { store } }: Lab): Promise<number> {
  let port = 0
  const isCopied = async (): Promise<boolean> => {
    const replication = await askRedis(store?.port ?? 0, 'INFO', 'replication')
    port = Number(/^slave0:.*port=(\d+)/m.exec(replication)?.[1] ?? 0)
    const size = await askRedis(store?.port ?? 0, 'DBSIZE')
    return port > 0 && /^:[1-9]/.test(size) && size === (await askRedis(port, 'DBSIZE'))
  }
  await until(isCopied, { deadlineMs: 60_000, what: 'the replica to have it' })
  return port
}

inRedis('a store that is killed is gone with every session, and comes back', async (t) => {
  const lab = await redisLab(t, { restartAfterMs: 200 })
  const { store } = lab.cluster
  const pid = store?.pid ?? 0
  const isKnown = await loggedIn(lab)
  t.true(await isKnown())
  t.is((await inject(lab, { kind: 'kill', target: 'store' })).target, 'store')
  t.is(await runState(pid), 'gone')
  await until(() => lab.trace.state.faults.length === 0, { deadlineMs: 60_000, what: 'the store to be back' })
  t.not(store?.pid, pid)
  await until(async () => !(await isKnown().catch(() => true)), { deadlineMs: 60_000, what: 'the node to reach it' })
  t.pass()
})

inRedis('a store that is paused keeps what it has', async (t) => {
  const lab = await redisLab(t)
  const isKnown = await loggedIn(lab)
  const fault = await inject(lab, { kind: 'pause', target: 'store' })
  t.is(await runState(lab.cluster.store?.pid ?? 0), 'stopped')
  t.is((await ask(lab, 'POST', '/api/faults', { body: { kind: 'amnesia', target: 'store' } })).status, 409)
  t.is((await ask(lab, 'DELETE', `/api/faults/${fault.id}`)).status, 200)
  t.is(await runState(lab.cluster.store?.pid ?? 0), 'running')
  await until(isKnown, { deadlineMs: 60_000, what: 'the node to find the session again' })
  t.pass()
})

inRedis('a store with amnesia runs on without sessions', async (t) => {
  const lab = await redisLab(t)
  const pid = lab.cluster.store?.pid
  const isKnown = await loggedIn(lab)
  t.true(await isKnown())
  await inject(lab, { kind: 'amnesia', target: 'store' })
  t.false(await isKnown())
  t.is(lab.cluster.store?.pid, pid)
  t.deepEqual(lab.trace.state.faults, [])
})

inRedis('a store that evicts loses some sessions, and takes new ones again', async (t) => {
  const lab = await redisLab(t)
  const isKnown = await loggedIn(lab)
  t.true(await isKnown())
  const { port } = lab.cluster.store ?? { port: 0 }
  t.regex(await askRedis(port, 'INFO', 'stats'), /evicted_keys:0\r/)
  await inject(lab, { kind: 'eviction', target: 'store' })
  // What the nodes write meanwhile may be as many keys as are gone.
  t.regex(await askRedis(port, 'INFO', 'stats'), /evicted_keys:[1-9]/)
  t.regex(await askRedis(port, 'CONFIG', 'GET', 'maxmemory-policy'), /noeviction/)
  t.deepEqual(lab.trace.state.faults, [])
  t.true(await (await loggedIn(lab))())
})

test('a store that the lab did not start is never broken', async (t) => {
  const lab = await startedLab(t)
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'store' } })
  t.is(status, 409)
  t.is(json.error.code, 'NO_STORE')
  const amnesia = await ask(lab, 'POST', '/api/faults', { body: { kind: 'amnesia', target: 'a' } })
  t.is(amnesia.json.error.message, 'amnesia falls on a store, and "a" is none')
})

inRedis('a failover promotes the replica with the sessions, and the dead server follows it', async (t) => {
  const lab = await redisLab(t, { replica: true, restartAfterMs: 300 })
  const { store } = lab.cluster
  const isKnown = await loggedIn(lab)
  await until(isKnown, { deadlineMs: 60_000, what: 'the session' })
  for (let n = 0; n < 2; n++) {
    const { pid, port } = store ?? {}
    await copied(lab)
    const fault = await inject(lab, { kind: 'failover', target: 'store' })
    t.not(store?.pid, pid)
    t.not(store?.port, port)
    t.is(await runState(pid ?? 0), 'gone')
    await until(() => isKnown().catch(() => false), { deadlineMs: 60_000, what: 'the node to find the session there' })
    t.is((await ask(lab, 'DELETE', `/api/faults/${fault.id}`)).status, 200)
    t.true(await store?.isFollowed())
  }
})

inRedis('an interrupted failover is reported, and completed by healing', async (t) => {
  const lab = await redisLab(t, { replica: true, restartAfterMs: 300 })
  const { store } = lab.cluster
  const isKnown = await loggedIn(lab)
  const replica = await copied(lab)
  t.is(await askRedis(replica, 'ACL', 'SETUSER', 'default', '-replicaof'), '+OK')
  const broken = await ask(lab, 'POST', '/api/faults', { body: { kind: 'failover', target: 'store' } })
  t.is(broken.json.error.message, 'the replica was not promoted')
  const unhealed = () => lab.faults.unhealed() ?? []
  await until(() => unhealed().length === 1, { deadlineMs: 60_000, what: 'it to be known that it can not be healed' })
  t.regex(unhealed()[0]?.reason ?? '', /in vain for the replica to be promoted/)
  t.is(await askRedis(replica, 'ACL', 'SETUSER', 'default', '+replicaof'), '+OK')
  await lab.faults.heal(unhealed()[0]?.id ?? '')
  t.is(store?.port, replica)
  t.true(await store?.isPrimary())
  t.true(await store?.isFollowed())
  await until(() => isKnown().catch(() => false), { deadlineMs: 60_000, what: 'the node to find the session there' })
  t.deepEqual(lab.faults.unhealed(), [])
})

inRedis('a failover has landed only when the old primary is gone', async (t) => {
  const lab = await redisLab(t, { replica: true, restartAfterMs: 60_000 })
  const { store } = lab.cluster
  const pid = store?.pid ?? 0
  const fault = await inject(lab, { kind: 'failover', target: 'store' })
  if (store === undefined) throw new Error('there is no store')
  t.true(await failover.confirm(store, pid, fault))
  t.false(await failover.confirm(store, process.pid, fault))
})

inRedis('no server of a failover outlives the lab', async (t) => {
  const lab = await redisLab(t, { replica: true, restartAfterMs: 60_000 })
  const keepers = lab.cluster.store?.keepers ?? []
  const pids = keepers.map(({ pid }) => pid ?? 0)
  t.is(pids.length, 2)
  await inject(lab, { kind: 'failover', target: 'store' })
  await lab.kill()
  t.deepEqual(await Promise.all(pids.map((pid) => runState(pid))), ['gone', 'gone'])
  for (const keeper of keepers) await t.throwsAsync(keeper.start(), { message: /the lab is stopping/ })
})

inRedis('the edge to the replica can be broken, and it catches up after healing', async (t) => {
  const lab = await redisLab(t, { replica: true })
  const { store } = lab.cluster
  const fault = await inject(lab, { kind: 'cut', target: 'store>replica' })
  const isFollowed = async (): Promise<boolean> => (await store?.isFollowed()) === true
  await until(async () => !(await isFollowed()), { deadlineMs: 60_000, what: 'the replica to be alone' })
  const refused = await ask(lab, 'POST', '/api/faults', { body: { kind: 'failover', target: 'store' } })
  t.is(refused.json.error.code, 'NO_REPLICA')
  const isKnown = await loggedIn(lab)
  t.is((await ask(lab, 'DELETE', `/api/faults/${fault.id}`)).status, 200)
  await until(isFollowed, { deadlineMs: 60_000, what: 'the replica to follow again' })
  await copied(lab)
  await inject(lab, { kind: 'failover', target: 'store' })
  await until(() => isKnown().catch(() => false), { deadlineMs: 60_000, what: 'the session on the other one' })
  t.pass()
})

inRedis('there is no failover without a replica', async (t) => {
  const lab = await redisLab(t)
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'failover', target: 'store' } })
  t.is(status, 409)
  t.is(json.error.code, 'NO_REPLICA')
})
