/** The private Redis, broken on purpose. */
import test, { type ExecutionContext } from 'ava'
import { findOnPath } from '../src/cluster/redis.ts'
import { ownPrograms } from '../src/cluster/specs.ts'
import type { Lab, LabOptions } from '../src/lab.ts'
import { findStrategy } from '../src/strategies.ts'
import { runState } from '../src/supervise/process-table.ts'
import { until } from '../src/wait.ts'
import { ask, type Body } from './fixtures/ask.ts'
import { startedLab } from './fixtures/open-lab.ts'

const redisServer = findOnPath('redis-server', process.env['PATH'] ?? '')
const inRedis = redisServer === undefined ? test.skip : test

function redisLab(t: ExecutionContext, changes: Partial<LabOptions> = {}): Promise<Lab> {
  const strategy = findStrategy('redis')
  if (strategy === undefined || redisServer === undefined) throw new Error('there is no Redis')
  return startedLab(t, { strategy, redisServer, nodes: 1, programs: ownPrograms(), ...changes })
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

inRedis('a store that is killed is gone with every session, and comes back', async (t) => {
  const lab = await redisLab(t, { restartAfterMs: 200 })
  const { store } = lab.cluster
  const pid = store?.pid ?? 0
  const isKnown = await loggedIn(lab)
  t.true(await isKnown())
  t.is((await inject(lab, { kind: 'kill', target: 'store' })).target, 'store')
  t.is(await runState(pid), 'gone')
  await until(() => lab.trace.state.faults.length === 0, { deadlineMs: 15_000, what: 'the store to be back' })
  t.not(store?.pid, pid)
  await until(async () => !(await isKnown().catch(() => true)), { deadlineMs: 15_000, what: 'the node to reach it' })
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
  await until(isKnown, { deadlineMs: 15_000, what: 'the node to find the session again' })
  t.pass()
})

inRedis('a store with amnesia goes on and knows nobody', async (t) => {
  const lab = await redisLab(t)
  const pid = lab.cluster.store?.pid
  const isKnown = await loggedIn(lab)
  t.true(await isKnown())
  await inject(lab, { kind: 'amnesia', target: 'store' })
  t.false(await isKnown())
  t.is(lab.cluster.store?.pid, pid)
  t.deepEqual(lab.trace.state.faults, [])
})

test('a store that is none of the lab is never broken', async (t) => {
  const lab = await startedLab(t)
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'store' } })
  t.is(status, 409)
  t.is(json.error.code, 'NO_STORE')
  const amnesia = await ask(lab, 'POST', '/api/faults', { body: { kind: 'amnesia', target: 'a' } })
  t.is(amnesia.json.error.message, 'amnesia falls on a store, and "a" is none')
})
