/**
 * Reloads, operations, resolved names, nodes that come and go and workers that start and die, in random order. After each step every
 * worker that serves has what the model says, with the same upstream objects as before, and nothing under way was cut before its time.
 */
import { deepStrictEqual as equal } from 'node:assert'
import fc from 'fast-check'
import test from 'ava'
import { ConfigError } from '../../src/config/config-values.ts'
import type { Change } from '../../src/upstreams/change.ts'
import { OperationError } from '../../src/upstreams/change.ts'
import type { Upstream } from '../../src/upstreams/upstream.ts'
import { DRAIN_MS, InProcessFleet } from '../fixtures/workers/in-process-fleet.ts'
import type { InProcessWorker } from '../fixtures/workers/in-process-fleet.ts'

const RUNS = 300
const HOSTNAME = 'name.internal'

const name = fc.constantFrom('a', 'b', 'c', 'd')
const url = fc.constantFrom('http://10.0.0.1:1', 'http://10.0.0.2:1', 'http://10.0.0.3:1', 'http://10.0.0.4:1')
const which = fc.nat({ max: 9 })
const listed = fc
  .uniqueArray(fc.tuple(name, url), { maxLength: 4, selector: ([each]) => each })
  .filter((entries) => new Set(entries.map(([, each]) => each)).size === entries.length)

const step = fc.oneof(
  fc.record({ do: fc.constant('reload'), listed, service: fc.constantFrom('', 's', 'u', 'unknown') } as const),
  fc.record({ do: fc.constant('resolve'), addresses: fc.subarray(['10.0.0.1', '10.0.0.3', '10.0.0.5']) } as const),
  fc.record({ do: fc.constant('add'), name, url } as const),
  fc.record({ do: fc.constantFrom('drain', 'resume', 'remove', 'weigh'), name } as const),
  fc.record({ do: fc.constantFrom('node up', 'node down', 'node unready'), url } as const),
  fc.record({ do: fc.constantFrom('request begins', 'request ends'), url, which } as const),
  fc.record({ do: fc.constantFrom('worker starts', 'worker serves', 'worker dies'), which } as const),
  fc.record({ do: fc.constant('time passes'), ms: fc.constantFrom(1, 400, DRAIN_MS) } as const),
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

interface Expected {
  readonly name: string
  readonly drained: boolean
}

/** By URL. Kept apart from how the balancer computes it: lists of who wants what, and what operators said. */
class Model {
  listed = new Map<string, string>()
  added = new Map<string, string>()
  service = ''
  /** Of the hostname, as last resolved. */
  found: readonly string[] = []
  readonly removed = new Set<string>()
  readonly drained = new Set<string>()

  get staying(): Map<string, Expected> {
    const all = new Map<string, Expected>()
    const want = (url: string, name: string) => {
      if (!all.has(url)) all.set(url, { name, drained: this.drained.has(url) })
    }
    for (const [url, name] of this.listed) if (!this.removed.has(url)) want(url, name)
    for (const [url, name] of this.added) want(url, name)
    if (this.service === '') return all
    for (const address of this.found) {
      const url = `http://${address}:1`
      if (!this.removed.has(url)) want(url, `${this.service}-${address.replaceAll('.', '-')}`)
    }
    return all
  }

  urlOf(name: string): string | undefined {
    return [...this.staying].find(([, each]) => each.name === name)?.[0]
  }

  /** Drains end with what was drained; removals of what no list has are forgotten. */
  tidy(): void {
    const { staying } = this
    for (const each of this.drained) if (!staying.has(each)) this.drained.delete(each)
    const wanted = new Set([...this.listed.keys(), ...(this.service ? this.found.map((at) => `http://${at}:1`) : [])])
    for (const each of this.removed) if (!wanted.has(each)) this.removed.delete(each)
  }
}

function upstreamText(entries: readonly (readonly [string, string])[], service: string): string {
  const services = service === '' ? [] : [`${service}=dns://${service === 'unknown' ? 'nowhere' : HOSTNAME}:1`]
  return [...entries.map(([each, at]) => `${each}=${at}`), ...services].join(',')
}

async function reloads(fleet: InProcessFleet, model: Model, entries: readonly [string, string][], service: string) {
  const next = Object.assign(new Model(), model)
  next.listed = new Map(entries.map(([each, at]) => [at, each]))
  next.service = service
  const resolvesAnew = service !== '' && model.service === ''
  next.found = resolvesAnew ? (fleet.names.get(HOSTNAME) ?? []) : model.found
  const names = new Map<string, string>()
  const collides = [...new Map([...next.added, ...next.listed])].some(
    ([at, each]) => names.has(each) || !names.set(each, at),
  )
  const isResolved = service !== 'unknown' && (!resolvesAnew || next.found.length > 0)
  Object.assign(next, { removed: new Set() })
  const isEmptied = next.staying.size === 0 && model.staying.size > 0
  const isRight = isResolved && !collides && !isEmptied
  try {
    await fleet.reload(upstreamText(entries, service))
    if (!isRight) throw new Error('a reload was to be refused')
    const { listed: lists, found } = next
    model.removed.clear()
    Object.assign(model, { listed: lists, found, service })
  } catch (error) {
    if (isRight || !(error instanceof ConfigError)) throw error
  }
}

async function operates(fleet: InProcessFleet, model: Model, change: Change): Promise<void> {
  const at = change.do === 'add' ? '' : model.urlOf(change.name)
  const leaving = fleet.directory.snapshot.upstreams.find(
    (each) => change.do !== 'add' && each.name === change.name && each.retirement?.removes === true,
  )
  try {
    await fleet.directory.change(change)
  } catch (error) {
    if (!(error instanceof OperationError) || (change.do !== 'add' && at !== undefined)) throw error
    return
  }
  if (change.do === 'add') {
    const [each = '', to = ''] = change.upstream.split('=')
    if (model.urlOf(each) !== undefined || model.staying.has(to)) throw new Error('it was to be refused')
    return void model.added.set(to, each)
  }
  const target = at ?? leaving?.url ?? ''
  if (change.do === 'drain' && at !== undefined) model.drained.add(target)
  if (change.do === 'remove') {
    model.added.delete(target)
    model.removed.add(target)
  }
  if (change.do !== 'resume') return
  model.drained.delete(target)
  model.removed.delete(target)
  if (!model.staying.has(target)) model.added.set(target, change.name)
}

function nth(fleet: InProcessFleet, index: number, among = fleet.workers): InProcessWorker | undefined {
  return among[index % Math.max(1, among.length)]
}

async function takes(fleet: InProcessFleet, model: Model, each: Step): Promise<void> {
  switch (each.do) {
    case 'reload':
      return reloads(fleet, model, each.listed, each.service)
    case 'resolve':
      fleet.names.set(HOSTNAME, each.addresses)
      await fleet.directory.refresh()
      if (model.service === '' || each.addresses.length === 0) return
      model.found = each.addresses
      for (const address of each.addresses) model.removed.delete(`http://${address}:1`)
      return
    case 'add':
      return operates(fleet, model, { do: 'add', upstream: `${each.name}=${each.url}` })
    case 'weigh':
      return operates(fleet, model, { do: 'weigh', name: each.name, weight: 7 })
    case 'drain':
    case 'resume':
    case 'remove':
      return operates(fleet, model, { do: each.do, name: each.name })
    case 'node up':
    case 'node down':
    case 'node unready': {
      const result = ({ 'node up': 'ready', 'node down': 'refused', 'node unready': 'unready' } as const)[each.do]
      fleet.nodes.set(each.url, result === 'refused' ? { result, reason: 'ECONNREFUSED' } : { result })
      for (const worker of fleet.serving) worker.probe(each.url)
      return
    }
    case 'request begins':
    case 'request ends': {
      const upstream = nth(fleet, each.which, [...fleet.serving])?.pool.upstreams.find((at) => at.url === each.url)
      if (each.do === 'request begins') upstream?.entered()
      else if (upstream !== undefined && upstream.inFlight > 0) upstream.left()
      return
    }
    case 'worker starts':
      return void (fleet.workers.length < 3 && fleet.start())
    case 'worker serves':
      return nth(
        fleet,
        each.which,
        fleet.workers.filter(({ isServing }) => !isServing),
      )?.serve()
    case 'worker dies': {
      const worker = nth(fleet, each.which)
      if (worker !== undefined) fleet.kill(worker)
      return
    }
    case 'time passes':
      return fleet.advance(each.ms)
  }
}

function byUrl(left: { readonly url: string }, right: { readonly url: string }): number {
  return left.url < right.url ? -1 : 1
}

/** When each upstream of a worker was last seen to take requests. */
type Seen = Map<Upstream, number>

function check(
  fleet: InProcessFleet,
  model: Model,
  objects: Map<InProcessWorker, Map<string, Upstream>>,
  seen: Seen,
): void {
  const expected = [...model.staying].map(([at, { name: is, drained }]) => ({ url: at, name: is, drained })).sort(byUrl)
  const desired = fleet.directory.snapshot.upstreams.filter(({ retirement }) => retirement?.removes !== true)
  equal(
    desired.map((each) => ({ url: each.url, name: each.name, drained: each.retirement !== undefined })).sort(byUrl),
    expected,
  )
  const weights = new Map(desired.map((each) => [each.url, each.weight]))
  for (const worker of fleet.serving) {
    const staying = worker.pool.upstreams.filter((each) => model.staying.has(each.url))
    equal(
      staying.map((each) => ({ url: each.url, name: each.name })).sort(byUrl),
      expected.map(({ url: at, name: is }) => ({ url: at, name: is })),
    )
    equal(new Set(worker.pool.upstreams.map((each) => each.name)).size, worker.pool.upstreams.length)
    const before = objects.get(worker)
    for (const upstream of staying) {
      equal(upstream.weight, weights.get(upstream.url))
      equal(upstream.standing === 'up', isUp(fleet, model, upstream.url))
      const known = before?.get(upstream.url)
      if (known !== undefined && known !== upstream) throw new Error(`${upstream.url} lost its connections`)
      if (!model.drained.has(upstream.url)) seen.set(upstream, fleet.nowMs)
    }
    objects.set(worker, new Map(staying.map((each) => [each.url, each])))
    for (const [upstream, inFlight] of worker.broken.splice(0)) {
      const since = seen.get(upstream) ?? -Infinity
      if (inFlight > 0 && fleet.nowMs - since < DRAIN_MS) throw new Error(`${upstream.url} was cut too early`)
    }
  }
}

function isUp(fleet: InProcessFleet, model: Model, at: string): boolean {
  return (fleet.nodes.get(at)?.result ?? 'ready') === 'ready' && !model.drained.has(at)
}

/** Nothing is under way any more: what was to leave is gone everywhere. */
async function settles(fleet: InProcessFleet): Promise<void> {
  for (const worker of fleet.workers) if (!worker.isServing) await worker.serve()
  if (fleet.workers.length === 0) fleet.start()
  for (const worker of fleet.workers) await worker.serve()
  await fleet.advance(2 * DRAIN_MS)
  await fleet.advance(2 * DRAIN_MS)
  const urls = fleet.directory.snapshot.upstreams.map((each) => each.url).sort()
  equal(fleet.directory.snapshot.upstreams.filter(({ retirement }) => retirement?.removes === true).length, 0)
  for (const worker of fleet.workers) equal(worker.pool.upstreams.map((each) => each.url).sort(), urls)
}

test('no sequence of changes loses a node, cuts a request before its time or leaves workers different', async (t) => {
  const sequences = fc.array(step, { minLength: 5, maxLength: 40 })
  const holds = fc.asyncProperty(sequences, async (steps) => {
    const fleet = new InProcessFleet('a=http://10.0.0.1:1,b=http://10.0.0.2:1')
    const model = new Model()
    model.listed = new Map([
      ['http://10.0.0.1:1', 'a'],
      ['http://10.0.0.2:1', 'b'],
    ])
    const objects = new Map<InProcessWorker, Map<string, Upstream>>()
    const seen: Seen = new Map()
    try {
      fleet.start()
      await fleet.workers[0]?.serve()
      for (const each of steps) {
        await takes(fleet, model, each)
        model.tidy()
        check(fleet, model, objects, seen)
      }
      await settles(fleet)
    } finally {
      fleet.close()
    }
  })
  await t.notThrowsAsync(fc.assert(holds, { numRuns: RUNS, includeErrorInReport: true }))
})
