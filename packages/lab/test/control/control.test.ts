import test from 'ava'
import type { Lab } from '../../src/lab.ts'
import { runState } from '../../src/supervise/process-table.ts'
import { until } from '../../src/wait.ts'
import { ask, type NodeBody } from '../fixtures/ask.ts'
import { startedLab } from '../fixtures/open-lab.ts'

async function pidOf(lab: Lab, name: string): Promise<number> {
  return (await nodeOf(lab, name)).pid
}

async function nodeOf(lab: Lab, name: string): Promise<NodeBody> {
  const { nodes } = (await ask(lab, 'GET', '/api/cluster')).json
  return name === 'a' ? nodes[0] : nodes[1]
}

async function untilState(lab: Lab, name: string, state: string): Promise<void> {
  await until(async () => (await nodeOf(lab, name)).state === state, {
    deadlineMs: 60_000,
    what: `${name} to be ${state}`,
  })
}

test("the cluster's state is served", async (t) => {
  const lab = await startedLab(t)
  const { status, json } = await ask(lab, 'GET', '/api/cluster')
  t.is(status, 200)
  t.like(json, { strategy: 'sticky', store: 'memory:', faults: [] })
  t.is(json.balancer.url, lab.cluster.url)
  t.is(await runState(json.balancer.pid), 'running')
  t.deepEqual(
    json.nodes.map(({ name, url, state }) => ({ name, url, state })),
    lab.cluster.nodes.map(({ name, url }) => ({ name, url, state: 'up' })),
  )
})

test('the sessions of a node are those in its memory', async (t) => {
  const lab = await startedLab(t)
  const told = async () => (await ask(lab, 'GET', '/api/cluster')).json.nodes[0].sessions === 7
  await until(told, { deadlineMs: 60_000, what: 'the figure from the metrics' })
  t.pass()
})

test('a kill is confirmed when the process is gone', async (t) => {
  const lab = await startedLab(t)
  const pid = await pidOf(lab, 'b')
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'b' } })
  t.is(status, 201)
  const { confirmedAt } = json
  t.deepEqual(json as object, { id: 'f1', kind: 'kill', target: 'b', confirmedAt })
  t.true(Math.abs(Date.parse(confirmedAt) - Date.now()) < 10_000)
  t.is(await runState(pid), 'gone')

  const { nodes, faults } = (await ask(lab, 'GET', '/api/cluster')).json
  t.like(nodes[1], { state: 'down', pid: null, sessions: 0 })
  t.like(faults, [{ id: 'f1', kind: 'kill', target: 'b' }])
})

test('a kill is over when the node is back by itself', async (t) => {
  const lab = await startedLab(t, { restartAfterMs: 100 })
  const pid = await pidOf(lab, 'b')
  await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'b' } })
  await until(async () => (await ask(lab, 'GET', '/api/cluster')).json.faults.length === 0, {
    deadlineMs: 60_000,
    what: 'the fault to be healed',
  })
  t.is((await nodeOf(lab, 'b')).state, 'up')
  t.not(await pidOf(lab, 'b'), pid)
})

test('a kill is healed by starting the node, and healing twice is healing once', async (t) => {
  const lab = await startedLab(t)
  const { json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'a' } })
  const healed = await ask(lab, 'DELETE', `/api/faults/${json.id}`)
  t.is(healed.status, 200)
  t.like(healed.json, { id: 'f1', kind: 'kill', target: 'a' })
  t.is((await ask(lab, 'GET', '/api/cluster')).json.nodes[0].state, 'up')
  t.deepEqual((await ask(lab, 'DELETE', `/api/faults/${json.id}`)).json, healed.json)
})

test('a node that died is started on demand', async (t) => {
  const lab = await startedLab(t)
  const early = await ask(lab, 'POST', '/api/nodes/b/start')
  t.is(early.status, 409)
  t.is(early.json.error.code, 'NODE_STATE')

  const pid = await pidOf(lab, 'b')
  process.kill(pid, 'SIGKILL')
  await untilState(lab, 'b', 'down')
  const started = await ask(lab, 'POST', '/api/nodes/b/start')
  t.is(started.status, 200)
  t.like(started.json, { name: 'b', state: 'up', url: lab.cluster.nodes[1]?.url })
  t.not(started.json.pid, pid)
})

test('a pause is confirmed when the node is stopped, and healed when it runs', async (t) => {
  const lab = await startedLab(t)
  const pid = await pidOf(lab, 'a')
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'pause', target: 'a' } })
  t.is(status, 201)
  t.is(await runState(pid), 'stopped')
  t.is((await ask(lab, 'GET', '/api/cluster')).json.nodes[0].state, 'paused')

  const again = await ask(lab, 'POST', '/api/faults', { body: { kind: 'pause', target: 'a' } })
  t.is(again.status, 409)
  t.is(again.json.error.message, 'pause needs a node that is up; a is paused')

  t.is((await ask(lab, 'DELETE', `/api/faults/${json.id}`)).status, 200)
  t.is(await runState(pid), 'running')
  t.like((await ask(lab, 'GET', '/api/cluster')).json, { faults: [] })
})

test('a pause with a duration heals by itself', async (t) => {
  const lab = await startedLab(t)
  const pid = await pidOf(lab, 'a')
  const body = { kind: 'pause', target: 'a', durationMs: 200 }
  t.is((await ask(lab, 'POST', '/api/faults', { body })).status, 201)
  await untilState(lab, 'a', 'up')
  t.is(await pidOf(lab, 'a'), pid)
})

test('a paused node can be killed, and that ends the pause', async (t) => {
  const lab = await startedLab(t)
  await ask(lab, 'POST', '/api/faults', { body: { kind: 'pause', target: 'a' } })
  const killed = await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'a' } })
  t.is(killed.status, 201)
  const { faults } = (await ask(lab, 'GET', '/api/cluster')).json
  t.deepEqual(
    faults.map(({ kind }) => kind),
    ['kill'],
  )
})

test('a signal from elsewhere is noticed', async (t) => {
  const lab = await startedLab(t)
  const pid = await pidOf(lab, 'b')
  process.kill(pid, 'SIGSTOP')
  await untilState(lab, 'b', 'paused')
  process.kill(pid, 'SIGCONT')
  await untilState(lab, 'b', 'up')
  const told: string[] = []
  lab.trace.listen(({ type }) => told.push(type))
  process.kill(pid, 'SIGTERM')
  await untilState(lab, 'b', 'down')
  t.true(told.includes('node-draining'))
})

test('a drained node is confirmed while it drains, leaves, and comes back like a dead one', async (t) => {
  const lab = await startedLab(t, { restartAfterMs: 200 })
  const pid = await pidOf(lab, 'a')
  const told: string[] = []
  lab.trace.listen(({ type }) => told.push(type))
  t.is((await ask(lab, 'POST', '/api/faults', { body: { kind: 'drain', target: 'a' } })).status, 201)
  await until(() => told.includes('fault-healed'), { deadlineMs: 60_000, what: 'another node in its place' })
  const draining = told.indexOf('node-draining')
  t.true(draining > told.indexOf('fault-injected') && draining < told.indexOf('fault-confirmed'))
  t.true(draining < told.indexOf('node-down') && told.indexOf('node-down') < told.indexOf('node-up'))
  t.not(await pidOf(lab, 'a'), pid)
})

test('a random target is one that fits the fault', async (t) => {
  const lab = await startedLab(t)
  const first = await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'random' } })
  const second = await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'random' } })
  t.not(first.json.target, second.json.target)
  const third = await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'random' } })
  t.is(third.status, 409)
})

test('the balancer is restarted on its port', async (t) => {
  const lab = await startedLab(t, { restartAfterMs: 100 })
  const { balancer } = (await ask(lab, 'GET', '/api/cluster')).json
  process.kill(balancer.pid, 'SIGKILL')
  const back = async () => {
    const now = (await ask(lab, 'GET', '/api/cluster')).json.balancer
    return now.pid !== null && now.pid !== balancer.pid && now.url === balancer.url
  }
  await until(back, { deadlineMs: 60_000, what: 'another balancer at the same address' })
  t.pass()
})

test('what can be broken is told, with targets and fields', async (t) => {
  const lab = await startedLab(t)
  const { status, json } = await ask(lab, 'GET', '/api/faults')
  t.is(status, 200)
  const { kinds } = json as unknown as { kinds: { kind: string; targets: string[]; fields: { name: string }[] }[] }
  t.deepEqual(kinds.find(({ kind }) => kind === 'kill')?.targets, ['a', 'b', 'random', 'all', 'minority', 'owner'])
  t.deepEqual(
    kinds.find(({ kind }) => kind === 'crash')?.fields.map(({ name }) => name),
    ['point', 'request', 'operation', 'durationMs'],
  )
  t.false(
    kinds.some(({ kind }) => kind === 'cut' || kind === 'amnesia'),
    'there are no edges and no store server',
  )
})

test('another rate takes users, and a number that is one', async (t) => {
  const lab = await startedLab(t)
  for (const rate of [0, 1.5, '20', 10_001, undefined]) {
    t.is((await ask(lab, 'POST', '/api/users', { body: { rate } })).status, 422, String(rate))
  }
  t.is((await ask(lab, 'POST', '/api/users', { body: { rate: 30 } })).status, 409)
})
