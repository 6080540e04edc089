/** A series of faults on a real cluster, and what is said of each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, judge, narrate, type TraceEvent } from '@ninelives/history'
import { campaign, type CampaignOptions } from '../../src/campaign/campaign.ts'
import { parsePlanned } from '../../src/campaign/planned.ts'
import { askedBy } from '../../src/campaign/required.ts'
import type { Schedule } from '../../src/campaign/schedule.ts'
import { labBreaker, type LabBreakerOptions } from '../../src/campaign/lab-breaker.ts'
import { ownPrograms } from '../../src/cluster/programs.ts'
import { crash } from '../../src/faults/kinds/node/crash.ts'
import type { Lab } from '../../src/lab.ts'
import { seededRandom } from '../../src/random.ts'
import { succeeds, until } from '../../src/wait.ts'
import { fixture, startedLab } from '../fixtures/open-lab.ts'

/** What the campaign said of each fault, every event of the meantime, and what a person was told of these. */
interface Told {
  readonly said: string[]
  readonly events: TraceEvent[]
  readonly sentences: string[]
}

async function campaignOf(
  lab: Lab,
  kinds: CampaignOptions['kinds'],
  overlap = 1,
  options: LabBreakerOptions = {},
): Promise<Told> {
  const told: Told = { said: [], events: [], sentences: [] }
  lab.trace.listen((event, before) => {
    told.events.push(event)
    const sentence = narrate(event, before)
    if (sentence !== undefined) told.sentences.push(sentence.text)
  })
  await campaign(labBreaker(lab, options), {
    kinds,
    count: kinds.length,
    overlap,
    random: seededRandom(3),
    signal: AbortSignal.timeout(60_000),
    onFault: (_done, what) => told.said.push(what),
  })
  return told
}

test('rolling drains each node in turn, the next when the previous one is back', async (t) => {
  const lab = await startedLab(t, { nodes: 3, restartAfterMs: 50 })
  const before = lab.cluster.nodes.map(({ pid }) => pid)
  const { said, events } = await campaignOf(lab, ['rolling'])
  t.deepEqual(said, ['rolling restart of all'])
  const lives = events.flatMap((event) =>
    event.type === 'node-down' || event.type === 'node-up' ? [`${event.type} ${event.node}`] : [],
  )
  t.deepEqual(
    lives,
    ['a', 'b', 'c'].flatMap((name) => [`node-down ${name}`, `node-up ${name}`]),
  )
  const kinds = events.flatMap((event) => (event.type === 'fault-injected' ? [`${event.kind} ${event.target}`] : []))
  t.deepEqual(kinds, ['drain a', 'drain b', 'drain c'])
  t.true(events.every((event) => event.type !== 'node-down' || event.code === 0))
  for (const [index, node] of lab.cluster.nodes.entries()) t.not(node.pid, before[index])
})

test('with two versions, rolling changes each node to the other one, and the next rolling changes it back', async (t) => {
  const node = fixture('node')
  const programs = { ...ownPrograms(), node, otherNode: node, balancer: fixture('balancer') }
  const lab = await startedLab(t, { nodes: 3, restartAfterMs: 50, programs })
  t.deepEqual(versionsOf(lab), ['a other', 'b other', 'c other'])
  const { said } = await campaignOf(lab, ['rolling', 'rolling', 'kill@b'])
  t.deepEqual(said, ['rolling deploy of this version', 'rolling deploy of other version', 'kill of b'])
  t.deepEqual(versionsOf(lab).slice(3, 6), ['a this', 'b this', 'c this'])
  t.deepEqual(versionsOf(lab).slice(6), ['a other', 'b other', 'c other', 'b other'])
})

/** In the order of their starts. */
function versionsOf(lab: Lab): string[] {
  const { events } = decodeTrace(readFileSync(lab.trace.path, 'utf8'))
  return events
    .flatMap((event) => (event.type === 'node-starting' ? [`${event.node} ${event.version}`] : []))
    .map((text, index, all) => (index < 3 ? (all.slice(0, 3).toSorted()[index] ?? text) : text))
}

test('a fault with a target falls on it, and is reported with it', async (t) => {
  const lab = await startedLab(t, { nodes: 3, restartAfterMs: 50 })
  const { said, sentences } = await campaignOf(lab, ['kill@b', 'pause@c'])
  t.deepEqual(said, ['kill of b', 'pause of c'])
  const toldOf = (node: string): string[] => sentences.filter((text) => text.startsWith(node))
  const [died = '', isBack = ''] = toldOf('node-b')
  t.true(died.startsWith('node-b died (SIGKILL)') && isBack.startsWith('node-b is back after '), `${died}\n${isBack}`)
  t.deepEqual(toldOf('node-c'), ['node-c is paused: it keeps its connections and answers nothing', 'node-c resumed'])
})

test('a fault that does not fit in its turn is recorded as planned and not landed', async (t) => {
  const lab = await startedLab(t, { nodes: 3, restartAfterMs: 50 })
  const { said } = await campaignOf(lab, ['kill@store', 'kill@owner', 'kill@b'])
  t.deepEqual(said, [
    'kill of store (there is no store that the lab started)',
    'kill of owner (no user is logged in just now)',
    'kill of b',
  ])
  const { faults, doubts } = judge(decodeTrace(readFileSync(lab.trace.path, 'utf8')).events)
  t.deepEqual(faults, { landed: 1, missed: 2 })
  t.true(doubts.includes('fault f1 (kill of store) did not land: there is no store that the lab started'))
  t.true(doubts.includes('fault f2 (kill of owner) did not land: no user is logged in just now'))
  t.deepEqual(lab.trace.state.faults, [])
})

test('a crash that was given up did not land', async (t) => {
  const programs = { ...ownPrograms(), node: fixture('doomed-node'), balancer: fixture('balancer') }
  const lab = await startedLab(t, { restartAfterMs: 50, programs })
  const { said } = await campaignOf(lab, ['crash@a'])
  t.regex(said.join(), /^crash [a-z-]+ of a \(it did not land\)$/)
})

/** A user who is logged in at that node and asks it until the signal aborts. */
function staying(lab: Lab, name: string, signal: AbortSignal): { answers: number } {
  const user = { answers: 0 }
  const times = { dueAtMs: 0, sentAtMs: 0, lateMs: 0 }
  const stay = async (): Promise<void> => {
    for (let op = 1; !signal.aborted; op++) {
      // The labs of other tests run in this process, too.
      await sleep(20)
      const url = lab.cluster.nodes.find((each) => each.name === name)?.url
      if (!(await succeeds(fetch(`${url}/api/counter`, { method: 'POST', signal })))) continue
      lab.trace.append({ type: 'operation-sent', op, user: 'user-0', visit: 1, tab: 0, kind: 'login', ...times })
      lab.trace.append({ type: 'operation-ended', op, endedAtMs: 1, outcome: 'ok', node: name })
      user.answers++
    }
  }
  void stay()
  return user
}

test('a crash falls on a node that has users, as it lands with a request', async (t) => {
  const lab = await startedLab(t, { nodes: 3, restartAfterMs: 50, programs: ownPrograms() })
  const over = new AbortController()
  t.teardown(() => over.abort())
  const user = staying(lab, 'b', over.signal)
  for (const point of ['before-commit', 'after-commit', 'before-commit', 'after-response']) {
    const before = user.answers
    await until(() => user.answers > before, { deadlineMs: 60_000, what: 'the user to be answered' })
    t.deepEqual((await campaignOf(lab, [`crash:${point}`])).said, [`crash ${point} of b`])
  }
})

/** The edges stand still from when the fault has landed until `over`. What passes them is the balancer that looks after the nodes. */
async function withHeldEdges(t: ExecutionContext, over: TraceEvent['type'] | undefined): Promise<Lab> {
  const lab = await startedLab(t, { edges: true, programs: { ...ownPrograms(), node: fixture('node') } })
  const { edges } = lab.cluster
  lab.trace.listen(({ type }) => {
    if (type === 'fault-confirmed') edges?.keeper.signal('SIGSTOP')
    if (type === over) edges?.keeper.signal('SIGCONT')
  })
  return lab
}

test('a fault that could not be healed is healed once more', async (t) => {
  const lab = await withHeldEdges(t, 'fault-failed')
  const { said, events } = await campaignOf(lab, ['latency@balancer>a'])
  t.deepEqual(said, ['latency of balancer>a'])
  const course = events.flatMap(({ type }) => (type.startsWith('fault-') ? [type] : []))
  t.deepEqual(course, ['fault-injected', 'fault-confirmed', 'fault-failed', 'fault-healed'])
  t.deepEqual(lab.trace.state.faults, [])
})

test("a fault that can't be healed still stands, and ends the campaign", async (t) => {
  const lab = await withHeldEdges(t, undefined)
  const failed = await t.throwsAsync(campaignOf(lab, ['latency@balancer>a', 'kill@b']))
  t.is(failed?.message, 'latency of balancer>a could not be healed: the edge process did not confirm the end')
  t.deepEqual(
    lab.trace.state.faults.map(({ kind, target }) => ({ kind, target })),
    [{ kind: 'latency', target: 'balancer>a' }],
  )
})

/** The first event of that kind about that node. */
function placeOf(events: readonly TraceEvent[], type: TraceEvent['type'], node: string): number {
  return events.findIndex((event) => event.type === type && 'node' in event && event.node === node)
}

test('in a storm two faults stand at once', async (t) => {
  const lab = await startedLab(t, { nodes: 3, restartAfterMs: 5_000 })
  const { said, events } = await campaignOf(lab, ['kill@a', 'pause@b'], 2)
  t.deepEqual(said, ['kill of a', 'pause of b'])
  const paused = placeOf(events, 'node-paused', 'b')
  t.true(placeOf(events, 'node-down', 'a') < placeOf(events, 'node-up', 'a'))
  t.true(paused >= 0 && paused < placeOf(events, 'node-up', 'a'), 'while a was down')
  t.deepEqual(lab.trace.state.faults, [])
})

test('in a storm no more nodes are dead at once than may be', async (t) => {
  const lab = await startedLab(t, { nodes: 3, restartAfterMs: 50 })
  const { events } = await campaignOf(lab, ['kill@a', 'kill@b'], 2, { deadMax: 1 })
  t.true(placeOf(events, 'node-up', 'a') < placeOf(events, 'node-down', 'b'))
})

test('no node dies while the balancer has ejected so many others as may be dead', async (t) => {
  const programs = { ...ownPrograms(), node: fixture('node') }
  const lab = await startedLab(t, { nodes: 3, restartAfterMs: 50, edges: true, programs })
  await lab.faults.inject({ kind: 'cut', target: 'balancer>a', durationMs: 5_000 })
  const isEjected = (): boolean => lab.trace.state.nodes.some(({ ejected }) => ejected)
  await until(isEjected, { deadlineMs: 60_000, what: 'the balancer to eject a' })
  const { events } = await campaignOf(lab, ['kill@b'], 1, { deadMax: 1 })
  const readmitted = events.findIndex(({ type }) => type === 'upstream-readmitted')
  t.true(readmitted >= 0)
  t.true(readmitted < placeOf(events, 'node-down', 'b'))
})

test('by operations, two faults of a storm that fall on one node come one after the other', async (t) => {
  const lab = await startedLab(t, { nodes: 1, restartAfterMs: 50 })
  const schedule: Schedule = { endsByClock: false, next: async () => undefined, later: async () => undefined }
  const { said } = await campaignOf(lab, ['drain', 'drain'], 2, { schedule })
  t.deepEqual(said, ['drain of a', 'drain of a'])
})

test('faults ask for the interleavings without which they show little', (t) => {
  t.deepEqual(askedBy(['kill'], { kills: 20, tabs: 1 }), ['request-on-dying-node'])
  t.deepEqual(askedBy(['kill'], { kills: 9, tabs: 2 }), ['two-tabs-at-once'], 'so few may all miss')
  t.deepEqual(askedBy(['kill', 'crash'], { kills: 2, tabs: 1 }), ['crash-after-commit'])
  t.deepEqual(askedBy(['crash:before-commit', 'pause'], { kills: 4, tabs: 1 }), [])
  t.deepEqual(askedBy(['kill@store', 'latency'], { kills: 30, tabs: 1 }), [], 'no node dies')
  t.deepEqual(askedBy(['kill'], { kills: 0, tabs: 2 }), [])
  t.deepEqual(askedBy(['kill'], { kills: 20, tabs: 1, floor: 1 }), ['move-on-dying-node'], 'all are on the floor')
  t.deepEqual(askedBy(['pause'], { kills: 4, tabs: 1, overlap: 2 }), ['faults-at-once'])
})

test('each crash point comes in turn, first the one after the commit', (t) => {
  const points = [0, 1, 2, 3, 4].map((before) => crash.drawn?.(() => 0, before).point)
  t.deepEqual(points, ['after-commit', 'before-commit', 'after-response', 'before-read', 'after-commit'])
})

test('a fault falls on its planned target, or else on a random one', (t) => {
  t.deepEqual(parsePlanned('kill'), { kind: 'kill', target: 'random' })
  t.deepEqual(parsePlanned('kill@store'), { kind: 'kill', target: 'store' })
  t.deepEqual(parsePlanned('cut@a>store'), { kind: 'cut', target: 'a>store' })
  for (const kind of ['failover', 'amnesia']) t.deepEqual(parsePlanned(kind), { kind, target: 'store' })
  t.deepEqual(parsePlanned('crash:after-commit@b'), { kind: 'crash', target: 'b', point: 'after-commit' })
  t.deepEqual(parsePlanned('crash:after-commit:login'), {
    kind: 'crash',
    target: 'random',
    point: 'after-commit',
    operation: 'POST /api/login',
  })
  for (const planned of [
    'flood',
    'kill:after-commit',
    'crash:noon',
    'crash:after-commit:sleep',
    'kill@',
    '@a',
    'rolling@a',
    '',
  ])
    t.is(parsePlanned(planned), undefined, planned)
})
