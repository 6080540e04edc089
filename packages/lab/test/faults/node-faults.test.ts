/** Real nodes that suffer from within, and the eyes that see it. */
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, initialState, narrate, reduce } from '@ninelives/history'
import { readFileSync } from 'node:fs'
import { ownPrograms } from '../../src/cluster/programs.ts'
import { drain } from '../../src/faults/kinds/node/drain.ts'
import { stall } from '../../src/faults/kinds/node/stall.ts'
import { httpGet } from '../../src/http-get.ts'
import type { Lab, LabOptions } from '../../src/lab.ts'
import { until } from '../../src/wait.ts'
import { ask, type Body } from '../fixtures/ask.ts'
import { startedLab } from '../fixtures/open-lab.ts'

/** As the node has it. */
const SELF_INFLICTED_MAX = 16

const shopLab = (t: ExecutionContext, changes: Partial<LabOptions> = {}): Promise<Lab> =>
  startedLab(t, { nodes: 1, programs: ownPrograms(), ...changes })

async function inject(lab: Lab, body: object): Promise<Body> {
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body })
  if (status !== 201) throw new Error(`it was answered by ${status}: ${json.error.message}`)
  return json
}

const heal = async (lab: Lab, { id }: Body): Promise<number> => (await ask(lab, 'DELETE', `/api/faults/${id}`)).status

const urlOf = (lab: Lab): string => lab.cluster.nodes[0]?.url ?? ''

function story(lab: Lab): string[] {
  let state = initialState
  return decodeTrace(readFileSync(lab.trace.path, 'utf8')).events.flatMap((event) => {
    const sentence = narrate(event, state)
    state = reduce(state, event)
    return sentence === undefined ? [] : [sentence.text]
  })
}

test('a stalled node does not answer, and goes on by itself', async (t) => {
  const lab = await shopLab(t)
  const { pid } = lab.cluster.nodes[0] ?? {}
  const fault = await inject(lab, { kind: 'stall', target: 'a', durationMs: 1_500 })
  t.like(fault, { kind: 'stall', target: 'a', durationMs: 1_500 })
  t.is(await httpGet(`${urlOf(lab)}/healthz`, { timeoutMs: 50 }), undefined)
  const isOver = (): boolean => lab.trace.state.faults.length === 0
  await until(isOver, { deadlineMs: 60_000, what: 'the stall to be over' })
  t.is((await httpGet(`${urlOf(lab)}/healthz`, { timeoutMs: 5_000 }))?.status, 200)
  t.is(lab.cluster.nodes[0]?.pid, pid)
  const told = story(lab)
  t.true(told.includes('node-a: the event loop is blocked, no request is answered'))
  t.true(told.includes('node-a: the event loop runs again'))
})

test('a node that stalled many times takes one more fault', async (t) => {
  const lab = await shopLab(t)
  const [node] = lab.cluster.nodes
  if (node === undefined) throw new Error('there is no node')
  for (let n = 0; n < SELF_INFLICTED_MAX + 1; n++) {
    const order = { id: `stall-${n}`, durationMs: 1 }
    await stall.inject(node, order)
    await stall.heal(node, order, node.pid ?? 0)
  }
  const fault = await inject(lab, { kind: 'clock', target: 'a', skewMs: 1_000 })
  t.is(await heal(lab, fault), 200)
})

test('a drained node that is back before the drain is healed is not waited for', async (t) => {
  const lab = await startedLab(t, { nodes: 1, restartAfterMs: 50 })
  const [node] = lab.cluster.nodes
  if (node?.pid === undefined) throw new Error('there is no node')
  const { pid } = node
  const order = { id: 'drain' }
  await drain.inject(node, order)
  const isBack = (): boolean => node.pid !== pid && node.life === 'up'
  await until(isBack, { deadlineMs: 60_000, what: 'the node to be back' })
  const back = node.pid
  await drain.heal(node, order, pid)
  t.is(node.pid, back)
})

test('a wrong clock shows in the expiry of sessions, and is right after healing', async (t) => {
  const lab = await shopLab(t)
  const expiry = async (): Promise<number> => {
    const login = { method: 'POST', headers: { 'content-type': 'application/json' } }
    const body = JSON.stringify({ name: 'user-0', password: 'password-0' })
    const cookie = (await fetch(`${urlOf(lab)}/api/login`, { ...login, body })).headers.getSetCookie()[0] ?? ''
    const seen = await fetch(`${urlOf(lab)}/api/session`, { headers: { cookie: cookie.split(';', 1)[0] ?? '' } })
    const { expiresAt } = (await seen.json()) as { expiresAt: string | number }
    return new Date(expiresAt).getTime()
  }
  const hourMs = 3_600_000
  const before = await expiry()
  const fault = await inject(lab, { kind: 'clock', target: 'a', skewMs: hourMs })
  const skewed = await expiry()
  t.true(Math.abs(skewed - before - hourMs) < 60_000)
  t.is(await heal(lab, fault), 200)
  t.true(Math.abs((await expiry()) - before) < 60_000)
  t.true(story(lab).includes('node-a: the clock is 3600000 ms ahead'))
})

test('a node without file descriptors accepts no connection until it is healed', async (t) => {
  const lab = await shopLab(t)
  const fault = await inject(lab, { kind: 'descriptors', target: 'a' })
  const reached = async (): Promise<boolean> =>
    (await httpGet(`${urlOf(lab)}/healthz`, { timeoutMs: 1_000 }))?.status === 200
  // Of a connection that ends just then the descriptor is free for an instant.
  await until(async () => !(await reached()), { deadlineMs: 60_000, what: 'no connection to be accepted' })
  t.is(await heal(lab, fault), 200)
  await until(reached, { deadlineMs: 60_000, what: 'the node to accept again' })
  t.true(story(lab).includes('node-a: file descriptors are free again'))
})

test("memory fills a node's heap almost to its limit, and is freed by healing", async (t) => {
  const environment = { ...process.env, NODE_OPTIONS: '--max-old-space-size=160' }
  const lab = await shopLab(t, { environment })
  const { pid } = lab.cluster.nodes[0] ?? {}
  const fault = await inject(lab, { kind: 'memory', target: 'a', megabytes: 4_000 })
  t.is((await httpGet(`${urlOf(lab)}/healthz`, { timeoutMs: 10_000 }))?.status, 200)
  t.is(await heal(lab, fault), 200)
  t.is(lab.cluster.nodes[0]?.pid, pid)
  t.deepEqual(
    story(lab).filter((line) => line.includes('heap')),
    ['node-a: the heap is filled up', 'node-a: the heap is free again'],
  )
})

test('a self-inflicted fault ends with the node that has it', async (t) => {
  const lab = await shopLab(t, { restartAfterMs: 100 })
  await inject(lab, { kind: 'clock', target: 'a', skewMs: -5_000 })
  await inject(lab, { kind: 'kill', target: 'a' })
  await until(() => lab.trace.state.faults.length === 0, { deadlineMs: 60_000, what: 'both to be over' })
  t.is((await httpGet(`${urlOf(lab)}/healthz`, { timeoutMs: 5_000 }))?.status, 200)
})

test('no request can order a self-inflicted fault', async (t) => {
  const lab = await shopLab(t)
  const order = JSON.stringify({ type: 'fault-begin', id: 'f1', kind: 'clock', skewMs: 1_000 })
  for (const path of ['/api/fault', '/fault-begin', '/api/faults']) {
    t.is((await fetch(urlOf(lab) + path, { method: 'POST', body: order })).status, 404)
  }
})

test('a fault lists its fields', async (t) => {
  const lab = await startedLab(t)
  const refused = async (body: object): Promise<string> => {
    const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { target: 'a', ...body } })
    t.is(status, 422)
    return json.error.message
  }
  t.regex(await refused({ kind: 'clock' }), /^skewMs takes whole milliseconds, -86400000 to 86400000 and not 0$/)
  t.regex(await refused({ kind: 'stall', durationMs: 5 }), /^durationMs takes whole milliseconds, 300 to 60000$/)
  t.regex(await refused({ kind: 'memory', megabytes: 'all' }), /^megabytes takes whole megabytes, 1 to 4096$/)
  t.regex(
    await refused({ kind: 'descriptors', megabytes: 1 }),
    /^"megabytes" is no field of a fault of kind descriptors; there are kind, target, durationMs$/,
  )
  t.regex(await refused({ kind: 'stall', target: 'store' }), /^stall falls on a node, and "store" is none$/)
})
