/** Real clusters with proxies on their edges. */
import test, { type ExecutionContext } from 'ava'
import { findServer } from '../../src/cluster/servers/index.ts'
import { ownPrograms } from '../../src/cluster/programs.ts'
import { httpGet } from '../../src/http-get.ts'
import type { Lab, LabOptions } from '../../src/lab.ts'
import { findStrategy } from '../../src/strategies.ts'
import { until } from '../../src/wait.ts'
import { ask, type Body } from '../fixtures/ask.ts'
import { openedLab, startedLab } from '../fixtures/open-lab.ts'

const server = findServer('redis', process.env['PATH'] ?? '')
const inRedis = server === undefined ? test.skip : test

function edgeLab(t: ExecutionContext, name: string, changes: Partial<LabOptions> = {}): Promise<Lab> {
  const strategy = findStrategy(name)
  if (strategy === undefined) throw new Error(`there is no strategy ${name}`)
  return startedLab(t, { strategy, nodes: 3, edges: true, programs: ownPrograms(), ...changes })
}

async function inject(lab: Lab, body: object): Promise<Body> {
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body })
  if (status !== 201) throw new Error(`it was answered by ${status}: ${json.error.message}`)
  return json
}

async function heal(lab: Lab, { id }: Body): Promise<void> {
  const { status, json } = await ask(lab, 'DELETE', `/api/faults/${id}`)
  if (status !== 200) throw new Error(`it was answered by ${status}: ${json.error.message}`)
}

const isReady = async ({ cluster }: Lab, index: number): Promise<boolean> =>
  (await httpGet(`${cluster.nodes[index]?.url}/readyz`, { timeoutMs: 1_000 }))?.status === 200

const becomes = (lab: Lab, index: number, ready: boolean): Promise<void> =>
  until(async () => (await isReady(lab, index)) === ready, {
    deadlineMs: 60_000,
    what: `node ${index} to be ${ready ? 'ready' : 'cut off'}`,
  })

test('a node that is cut off from the balancer is ejected, and readmitted', async (t) => {
  const lab = await edgeLab(t, 'sticky', { nodes: 2 })
  const fault = await inject(lab, { kind: 'cut', target: 'balancer>a' })
  t.is(fault.target, 'balancer>a')
  const ejected = (): boolean => lab.trace.state.nodes[0]?.ejected === true
  await until(ejected, { deadlineMs: 60_000, what: 'the balancer to eject a' })
  await becomes(lab, 0, true)
  t.is((await fetch(`${lab.cluster.url}/api/session`)).headers.get('x-served-by'), 'b')
  await heal(lab, fault)
  await until(() => !ejected(), { deadlineMs: 60_000, what: 'the balancer to readmit a' })
  t.pass()
})

test('a minority that is cut off does not serve until it is healed', async (t) => {
  const lab = await edgeLab(t, 'replicated')
  const fault = await inject(lab, { kind: 'partition', target: 'c' })
  t.like(fault, { kind: 'partition', target: 'c' })
  await becomes(lab, 2, false)
  await becomes(lab, 0, true)
  await heal(lab, fault)
  await becomes(lab, 2, true)
})

test('latency between replicas delays their answers', async (t) => {
  const lab = await edgeLab(t, 'replicated')
  const count = async (): Promise<number> => {
    const beganMs = performance.now()
    const { status } = await fetch(`${lab.cluster.nodes[0]?.url}/api/counter`, { method: 'POST' })
    t.is(status, 200)
    return performance.now() - beganMs
  }
  // A mesh that no request uses sends nothing that could be late.
  const landed = new AbortController()
  const visits = (async () => {
    while (!landed.signal.aborted) await count()
  })()
  const fault = await inject(lab, { kind: 'latency', target: 'a>*', latencyMs: 30 })
  landed.abort()
  await visits
  t.is(fault.target, 'a>b,a>c')
  t.true((await count()) > 30)
  await heal(lab, fault)
  t.deepEqual(lab.trace.state.faults, [])
})

inRedis('a node without its store is not ready; a reset is over at once', async (t) => {
  const lab = await edgeLab(t, 'redis', { nodes: 2, ...(server === undefined ? {} : { server }) })
  const held = await inject(lab, { kind: 'hold', target: 'a→store', direction: 'answer' })
  await becomes(lab, 0, false)
  await becomes(lab, 1, true)
  await heal(lab, held)
  await becomes(lab, 0, true)
  await inject(lab, { kind: 'reset', target: '*>store' })
  t.deepEqual(lab.trace.state.faults, [])
  await becomes(lab, 1, true)
  const thin = await inject(lab, { kind: 'bandwidth', target: 'b>store', bytesPerSecond: 100_000 })
  await heal(lab, thin)
})

test('a node that dies behind a proxy costs users nothing', async (t) => {
  const lab = await edgeLab(t, 'replicated', { restartAfterMs: 300 })
  await inject(lab, { kind: 'kill', target: 'b' })
  for (let n = 0; n < 30; n++) {
    t.is((await fetch(`${lab.cluster.url}/api/counter`, { method: 'POST' })).status, 200)
  }
})

test('faults of edges end with the edge process, which is restarted', async (t) => {
  const lab = await edgeLab(t, 'sticky', { nodes: 1 })
  await inject(lab, { kind: 'hold', target: 'balancer>a' })
  const pid = lab.cluster.edges?.keeper.pid ?? 0
  process.kill(pid, 'SIGKILL')
  await until(() => lab.trace.state.faults.length === 0, { deadlineMs: 60_000, what: 'the fault to be over' })
  const back = async (): Promise<boolean> =>
    (await httpGet(`${lab.cluster.url}/healthz`, { timeoutMs: 1_000 }))?.status === 200
  await until(back, { deadlineMs: 60_000, what: 'the shop to answer' })
  t.not(lab.cluster.edges?.keeper.pid, pid)
})

test('a fault on several edges takes what an earlier one was reported to have fallen on', async (t) => {
  const lab = await edgeLab(t, 'sticky')
  const first = await inject(lab, { kind: 'cut', target: 'balancer>*' })
  t.is(first.target, 'balancer>a,balancer>b,balancer>c')
  await heal(lab, first)
  t.is((await inject(lab, { kind: 'cut', target: first.target })).target, first.target)
  const { status, json } = await ask(lab, 'POST', '/api/faults', { body: { kind: 'cut', target: 'balancer>a,a>b' } })
  t.is(status, 404)
  t.regex(json.error.message, /^there is no edge "balancer>a,a>b"; there are balancer>a, /)
})

test('an edge fault lists its targets', async (t) => {
  const lab = await openedLab(t, { nodes: 2, edges: true })
  const refused = async (body: object): Promise<string> =>
    (await ask(lab, 'POST', '/api/faults', { body: { latencyMs: 5, kind: 'latency', ...body } })).json.error.message
  t.is(await refused({ target: 'a' }), '"a" is no edge; one is like balancer>a, balancer>b')
  t.is(await refused({ target: 'a>b' }), 'there is no edge "a>b"; there are balancer>a, balancer>b')
  t.regex(await refused({ target: '*>a', direction: 'up' }), /^direction takes both, request, answer$/)
  const plain = await openedLab(t)
  const { status, json } = await ask(plain, 'POST', '/api/faults', { body: { kind: 'cut', target: 'balancer>a' } })
  t.is(status, 409)
  t.is(json.error.message, 'there are no proxies on the edges: start the lab with --edges on')
  t.is(plain.cluster.edges, undefined)
})
