import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { TraceEvent } from '@ninelives/history'
import { chooseStrategy } from '../../src/cli/command/choose-strategy.ts'
import { findServer } from '../../src/cluster/servers/index.ts'
import { readConfig } from '../../src/config.ts'
import type { ChooseStrategy } from '../../src/control/server.ts'
import type { Lab } from '../../src/lab.ts'
import { runState } from '../../src/supervise/process-table.ts'
import { until } from '../../src/wait.ts'
import { ask } from '../fixtures/ask.ts'
import { openedLab, startedLab } from '../fixtures/open-lab.ts'

/** A machine without store servers. */
const bare = readConfig({ PATH: '' })

const choose: ChooseStrategy = async (asked) => chooseStrategy({ ...asked, store: undefined }, bare)

function switchable(t: ExecutionContext): Promise<Lab> {
  return startedLab(t, { choose })
}

/** What a client of the event stream reads until `isOver`. */
async function readEvents(t: ExecutionContext, lab: Lab, isOver: (events: readonly TraceEvent[]) => boolean) {
  const end = new AbortController()
  t.teardown(() => end.abort())
  const response = await fetch(`${lab.control.url}/api/events`, { signal: end.signal })
  const events: TraceEvent[] = []
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const [, data] = /^data: (.*)$/m.exec(block) ?? []
      if (data !== undefined && !block.startsWith('event:')) events.push(JSON.parse(data) as TraceEvent)
    }
    if (isOver(events)) break
  }
  return events
}

function areTwoReady(events: readonly TraceEvent[]): boolean {
  return events.filter(({ type }) => type === 'cluster-ready').length === 2
}

test('another strategy begins on the same ports, with a trace of its own, and clients read on', async (t) => {
  const lab = await switchable(t)
  const { json: before } = await ask(lab, 'GET', '/api/cluster')
  const first = lab.trace
  const reading = readEvents(t, lab, areTwoReady)
  const { status, json } = await ask(lab, 'POST', '/api/strategy', { body: { strategy: 'memory', nodes: 3, seed: 7 } })
  t.is(status, 200)
  t.like(json, { strategy: 'memory' })
  t.is(json.balancer.url, before.balancer.url)
  t.is(json.nodes.map(({ name }) => name).join(), 'a,b,c')
  for (const { pid } of before.nodes) t.is(await runState(pid), 'gone')
  for (const { pid } of json.nodes) t.is(await runState(pid), 'running')

  t.is(first.state.phase, 'ended')
  t.not(lab.trace.path, first.path)
  t.true(existsSync(lab.trace.path))
  t.is(path.dirname(path.dirname(lab.trace.path)), path.dirname(first.path))
  t.like(lab.trace.state, { seed: 7, phase: 'ready', seq: lab.trace.state.seq })
  t.is((await ask(lab, 'POST', '/api/faults', { body: { kind: 'kill', target: 'c' } })).status, 201)

  const events = await reading
  const begun = events.findLastIndex(({ type }) => type === 'run-started')
  t.is(events[begun]?.seq, 0)
  t.true(events.findIndex(({ type }) => type === 'run-ended') < begun)
})

test('what is not asked for stays as it is, and another rate is kept', async (t) => {
  const lab = await switchable(t)
  lab.trace.append({ type: 'users-paced', rate: 33, reason: 'test' })
  t.is((await ask(lab, 'POST', '/api/strategy', { body: { nodes: 1 } })).status, 200)
  t.like(lab.trace.state, { seed: 1, users: { rate: 33 } })
  t.is(lab.trace.state.strategy.name, 'sticky')
  t.is(lab.trace.state.nodes.length, 1)
})

test('a strategy without a server on this machine is refused with how to get it, and the cluster goes on', async (t) => {
  const lab = await switchable(t)
  const { json: before } = await ask(lab, 'GET', '/api/cluster')
  const refused = await ask(lab, 'POST', '/api/strategy', { body: { strategy: 'redis' } })
  t.is(refused.status, 503)
  t.is(refused.json.error.code, 'NO_STORE')
  t.regex(refused.json.error.message, /^redis needs a .*REDIS_URL/)
  for (const [body, pattern] of [
    [{ strategy: 'nothing' }, /there is no strategy "nothing"/],
    [{ strategy: 7 }, /strategy takes/],
    [{ strategy: 'memory', nodes: 0 }, /nodes takes 1 to 12/],
    [{ strategy: 'memory', tabs: 9 }, /tabs takes 1 to 4/],
    [{ strategy: 'memory', edges: 'on' }, /edges takes true or false/],
    [{ strategy: 'memory', colour: 1 }, /"colour" is no field of a run/],
  ] as const) {
    const { status, json } = await ask(lab, 'POST', '/api/strategy', { body })
    t.is(status, 422)
    t.regex(json.error.message, pattern)
  }
  t.deepEqual((await ask(lab, 'GET', '/api/cluster')).json, before)
})

const inMemcached = findServer('memcached', process.env['PATH'] ?? '') === undefined ? test.skip : test

inMemcached('a server that has no replicas begins without one, and a request for one is refused', async (t) => {
  const config = readConfig({ PATH: process.env['PATH'] })
  const lab = await startedLab(t, {
    replica: true,
    choose: async (asked) => chooseStrategy({ ...asked, store: undefined }, config),
  })
  t.is((await ask(lab, 'POST', '/api/strategy', { body: { strategy: 'memcached' } })).status, 200)
  const { json: before } = await ask(lab, 'GET', '/api/cluster')
  for (const [body, pattern] of [
    [{ replica: true }, /^a replica is impossible: Memcached has no replicas/],
    [{ strategy: 'memory', replica: true }, /^a replica needs a store server that the lab starts itself/],
  ] as const) {
    const { status, json } = await ask(lab, 'POST', '/api/strategy', { body })
    t.is(status, 422)
    t.regex(json.error.message, pattern)
  }
  t.deepEqual((await ask(lab, 'GET', '/api/cluster')).json, before)
})

test('a cluster that does not come up is told, and the one from before begins again', async (t) => {
  const lab = await startedLab(t, {
    choose: async (asked) => ({ ...chooseStrategy({ ...asked, store: undefined }, bare), storeUrl: 'broken:' }),
  })
  const { status, json } = await ask(lab, 'POST', '/api/strategy', { body: { strategy: 'memory' } })
  t.is(status, 500)
  t.regex(json.error.message, /no scheme "broken:"/)
  t.like(lab.trace.state, { phase: 'ready', strategy: { ...lab.trace.state.strategy, name: 'sticky' } })
})

test('where the cluster from before does not come up either, both reasons are told, and the next one may be asked for', async (t) => {
  let storeUrl: { storeUrl?: string } = { storeUrl: 'broken:' }
  const lab = await startedLab(t, { choose: async (asked) => ({ ...(await choose(asked)), ...storeUrl }) })
  // It takes the place of the third run's directory.
  const inTheWay = path.join(path.dirname(lab.trace.path), '3-sticky')
  writeFileSync(inTheWay, '')
  const { status, json } = await ask(lab, 'POST', '/api/strategy', { body: { strategy: 'memory' } })
  t.is(status, 500)
  t.regex(json.error.message, /no scheme "broken:".*nor did the cluster from before come up again: .*3-sticky/)
  storeUrl = {}
  t.is((await ask(lab, 'POST', '/api/strategy', { body: { strategy: 'memory' } })).status, 200)
  t.is(lab.trace.state.phase, 'ready')
})

test('two requests at once begin one run, and another page may ask for none', async (t) => {
  const lab = await switchable(t)
  const [first, second] = await Promise.all([
    ask(lab, 'POST', '/api/strategy', { body: { strategy: 'memory' } }),
    ask(lab, 'POST', '/api/strategy', { body: { strategy: 'database' } }),
  ])
  t.deepEqual(
    [first.status, second.status].toSorted((a, b) => a - b),
    [200, 409],
  )
  const foreign = await ask(lab, 'POST', '/api/strategy', {
    body: { strategy: 'memory' },
    headers: { origin: 'http://elsewhere.test', 'sec-fetch-site': 'cross-site' },
  })
  t.is(foreign.status, 403)
})

test('while the first cluster starts, a request for another one is refused, and the first comes up', async (t) => {
  const lab = await openedLab(t, { choose })
  const asked = ask(lab, 'POST', '/api/strategy', { body: { strategy: 'memory' } })
  const starting = lab.start()
  const refused = await asked
  t.is(refused.status, 409)
  t.is(refused.json.error.code, 'CHANGING')
  await starting
  t.is(lab.trace.state.phase, 'ready')
  t.is((await ask(lab, 'POST', '/api/strategy', { body: { strategy: 'memory' } })).status, 200)
})

test('a lab of one strategy keeps it', async (t) => {
  const lab = await startedLab(t)
  t.is((await ask(lab, 'POST', '/api/strategy', { body: { strategy: 'memory' } })).status, 409)
})

test('a second cluster runs beside the first, takes faults of its own, and leaves no process', async (t) => {
  const lab = await switchable(t)
  t.is((await ask(lab, 'GET', '/beside/api/cluster')).status, 409)
  const { status, json } = await ask(lab, 'POST', '/api/beside', { body: { strategy: 'memory' } })
  t.is(status, 200)
  t.not(json.balancer.url, lab.cluster.url)
  t.like((await ask(lab, 'GET', '/api/lab')).json, { beside: 'memory' })
  t.is((await ask(lab, 'POST', '/beside/api/faults', { body: { kind: 'kill', target: 'a' } })).status, 201)
  t.is(await runState(json.nodes[0].pid), 'gone')
  t.is(await runState((await ask(lab, 'GET', '/api/cluster')).json.nodes[0].pid), 'running')
  t.is((await ask(lab, 'DELETE', '/api/beside')).status, 204)
  t.is(await runState(json.nodes[1].pid), 'gone')
  t.is((await ask(lab, 'GET', '/beside/api/cluster')).status, 409)
  t.is((await ask(lab, 'POST', '/api/beside', { body: { strategy: 'sticky' } })).status, 200)
  const { pid } = (await ask(lab, 'GET', '/beside/api/cluster')).json.nodes[0]
  await lab.stop('test')
  await until(async () => (await runState(pid)) === 'gone', { deadlineMs: 60_000, what: 'the second to be gone' })
  t.pass()
})
