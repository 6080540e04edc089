/** A real node under a real lab dies at a point of a request that was asked for over the control API. */
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, type TraceEvent } from '@ninelives/history'
import { readFileSync } from 'node:fs'
import { ownPrograms } from '../../src/cluster/programs.ts'
import type { Lab, LabOptions } from '../../src/lab.ts'
import { until } from '../../src/wait.ts'
import { ask, type Body } from '../fixtures/ask.ts'
import { startedLab } from '../fixtures/open-lab.ts'

const shopLab = (t: ExecutionContext, changes: Partial<LabOptions> = {}): Promise<Lab> =>
  startedLab(t, { nodes: 1, programs: ownPrograms(), restartAfterMs: 200, ...changes })

const visit = (lab: Lab, index = 0): Promise<number> =>
  fetch(`${lab.cluster.nodes[index]?.url}/api/counter`, { method: 'POST' }).then(
    ({ status }) => status,
    () => 0,
  )

type Crash = Omit<Body, 'confirmedAt'> & { readonly confirmedAt: string | null; readonly request?: number }

async function crash(lab: Lab, fields: object): Promise<Crash> {
  const { status, json } = await ask(lab, 'POST', '/api/faults', {
    body: { kind: 'crash', target: 'a', point: 'before-commit', ...fields },
  })
  if (status !== 201) throw new Error(`it was answered by ${status}: ${json.error.message}`)
  return json
}

const find = async (lab: Lab, id: string): Promise<{ confirmedAt: string | null; healedAt?: string }> =>
  (await ask(lab, 'GET', `/api/faults/${id}`)).json

const eventsOf = (lab: Lab): readonly TraceEvent[] => decodeTrace(readFileSync(lab.trace.path, 'utf8')).events

test('a crash is armed, lands with its request, and is over when the node is back', async (t) => {
  const lab = await shopLab(t)
  const { pid } = lab.cluster.nodes[0] ?? {}
  const { id, confirmedAt } = await crash(lab, { request: 2, operation: 'POST /api/counter' })
  t.is(confirmedAt, null)
  t.like((await ask(lab, 'GET', '/api/cluster')).json, { faults: [{ id, kind: 'crash', confirmedAt: null }] })
  t.is(await visit(lab), 200)
  t.is((await find(lab, id)).confirmedAt, null)
  t.is(await visit(lab), 0)
  await until(async () => (await find(lab, id)).healedAt !== undefined, { deadlineMs: 60_000, what: 'the node' })
  t.is(typeof (await find(lab, id)).confirmedAt, 'string')
  t.not(lab.cluster.nodes[0]?.pid, pid)
  t.is(await visit(lab), 200)

  const events = eventsOf(lab)
  const order = ['fault-injected', 'fault-confirmed', 'node-up', 'fault-healed']
  t.deepEqual(
    events
      .slice(events.findIndex(({ type }) => type === 'fault-injected'))
      .map(({ type }) => type)
      .filter((type) => order.includes(type)),
    order,
  )
  t.like(
    events.find(({ type }) => type === 'fault-injected'),
    { point: 'before-commit', request: 2 },
  )
})

test('a crash that has not landed is healed by disarming it', async (t) => {
  const lab = await shopLab(t)
  const { pid } = lab.cluster.nodes[0] ?? {}
  const { id } = await crash(lab, {})
  const { status, json } = await ask(lab, 'DELETE', `/api/faults/${id}`)
  t.is(status, 200)
  t.is((json as Crash).confirmedAt, null)
  t.is(await visit(lab), 200)
  t.is(lab.cluster.nodes[0]?.pid, pid)
  t.false(eventsOf(lab).some(({ type }) => type === 'fault-confirmed'))
})

test('a crash that lands while it is disarmed is healed, and the node is back', async (t) => {
  const lab = await shopLab(t)
  const { pid = 0 } = lab.cluster.nodes[0] ?? {}
  const { id } = await crash(lab, {})
  // The process is gone before it reads the cancellation, and the lab has not read its last lines yet.
  process.kill(pid, 'SIGKILL')
  await t.notThrowsAsync(lab.faults.heal(id))
  t.not(lab.cluster.nodes[0]?.pid, pid)
  t.is(await visit(lab), 200)
  await until(() => lab.faults.unhealed()?.length === 0, { deadlineMs: 60_000, what: 'nothing to be left unhealed' })
})

test('a node that dies for another reason disarms the crash', async (t) => {
  const lab = await shopLab(t)
  const { id } = await crash(lab, {})
  await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'a' } })
  await until(() => eventsOf(lab).some((event) => event.type === 'fault-failed' && event.fault === id), {
    deadlineMs: 60_000,
    what: 'the crash to be given up',
  })
  t.is((await ask(lab, 'GET', `/api/faults/${id}`)).status, 404)
})

test('a crash of several nodes has landed when each died of it, and is over when all are back', async (t) => {
  const lab = await shopLab(t, { nodes: 2 })
  const [first] = lab.cluster.nodes
  const { pid } = first ?? {}
  const { id } = await crash(lab, { target: 'a,b' })
  t.is(await visit(lab, 0), 0)
  const isBack = (): boolean => first?.life === 'up' && first.pid !== pid
  await until(isBack, { deadlineMs: 60_000, what: 'the first to be back' })
  t.is((await find(lab, id)).confirmedAt, null)
  t.is(await visit(lab, 0), 200)
  t.is(await visit(lab, 1), 0)
  await until(async () => (await find(lab, id)).healedAt !== undefined, { deadlineMs: 60_000, what: 'both nodes' })
  t.is(typeof (await find(lab, id)).confirmedAt, 'string')
  t.deepEqual(lab.trace.state.faults, [])
  t.is(await visit(lab, 1), 200)
})

test("a crash of several nodes that can't land on one is disarmed on the others", async (t) => {
  const lab = await shopLab(t, { nodes: 2 })
  const { id } = await crash(lab, { target: 'a,b' })
  const pid = lab.cluster.nodes[1]?.pid
  await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'a' } })
  const isOver = (): boolean => lab.faults.landed(id) === false && lab.faults.unhealed()?.length === 0
  await until(isOver, { deadlineMs: 60_000, what: 'the crash to be given up and taken back' })
  t.is(await visit(lab, 1), 200)
  t.is(lab.cluster.nodes[1]?.pid, pid)
  const failed = eventsOf(lab).find((event) => event.type === 'fault-failed' && event.fault === id)
  t.like(failed, { reason: 'node a ended before it came to that point' })
})

test('random choices come from the seed', async (t) => {
  const lab = await shopLab(t)
  const again = await shopLab(t)
  const drawn: (number | undefined)[][] = []
  for (const each of [lab, again]) {
    const requests: (number | undefined)[] = []
    for (let n = 0; n < 4; n++) {
      const { id, request } = await crash(each, { request: 'random' })
      requests.push(request)
      await ask(each, 'DELETE', `/api/faults/${id}`)
    }
    drawn.push(requests)
  }
  t.deepEqual(drawn[0], drawn[1])
  t.true(drawn[0]?.every((request) => request !== undefined && request >= 1 && request <= 20))
})

test('a crash lists its fields', async (t) => {
  const lab = await startedLab(t)
  const refused = async (fields: object): Promise<string> => {
    const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'crash', target: 'a', ...fields } })
    t.is(status, 422)
    return json.error.message
  }
  t.is(await refused({}), 'point takes before-read, before-commit, after-commit, after-response')
  t.regex(await refused({ point: 'before-read', request: 0 }), /^request takes .* 1 to 10000, or "random"$/)
  t.regex(await refused({ point: 'before-read', operation: 'cart' }), /^operation takes a method and a route/)
  const { json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'a', point: 'before-read' } })
  t.regex(json.error.message, /^"point" is no field of a fault/)
})

test('a node without crash points is reported', async (t) => {
  const lab = await startedLab(t)
  const { status, json } = await ask(lab, 'POST', '/api/faults', {
    body: { kind: 'crash', target: 'a', point: 'before-read' },
  })
  t.is(status, 504)
  t.is(json.error.code, 'FAULT_NOT_ARMED')
  t.true(eventsOf(lab).some(({ type }) => type === 'fault-failed'))
})
