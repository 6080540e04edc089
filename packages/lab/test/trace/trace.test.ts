import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import test from 'ava'
import { decodeTrace, initialState, judge, reduce, type TraceEvent } from '@ninelives/history'
import { RecentEvents } from '../../src/trace/recent.ts'
import { openedLab } from '../fixtures/open-lab.ts'
import { testTrace } from '../fixtures/trace.ts'

const MEGABYTE = 1024 * 1024

test('the file and the state agree', (t) => {
  const trace = testTrace(t)
  trace.append({ type: 'node-starting', node: 'a', pid: 1, url: 'http://127.0.0.1:2' })
  trace.append({ type: 'node-up', node: 'a', pid: 1 })
  const { events, problem } = decodeTrace(readFileSync(trace.path, 'utf8'))
  t.is(problem, undefined)
  t.deepEqual(
    events.map(({ type }) => type),
    ['run-started', 'node-starting', 'node-up'],
  )
  t.deepEqual(events.reduce(reduce, initialState), trace.state)
})

test("a trace has the timeouts of the nodes' sessions, also where their user set none", async (t) => {
  const {
    IDLE_TIMEOUT_S: _idle,
    ABSOLUTE_TIMEOUT_S: _absolute,
    VISITOR_IDLE_TIMEOUT_S: _visitor,
    ...environment
  } = process.env
  const startOf = async (more: NodeJS.ProcessEnv) => {
    const lab = await openedLab(t, { environment: { ...environment, ...more } })
    return decodeTrace(readFileSync(lab.trace.path, 'utf8')).events[0]
  }
  t.like(await startOf({}), {
    type: 'run-started',
    idleTimeoutMs: 1_800_000,
    absoluteTimeoutMs: 86_400_000,
    visitorIdleTimeoutMs: 900_000,
  })
  t.like(await startOf({ IDLE_TIMEOUT_S: ' 61 ' }), {
    idleTimeoutMs: 61_000,
    absoluteTimeoutMs: 86_400_000,
    visitorIdleTimeoutMs: 31_000,
  })
})

test('a full trace ends with a line that says so, and aborts `cut`', (t) => {
  const trace = testTrace(t, MEGABYTE)
  const noted: string[] = []
  trace.listen((event) => event.type === 'process-noted' && noted.push(event.event))
  const [event, detail] = ['a long story', { words: 'x'.repeat(100_000) }]
  for (let n = 0; n < 9; n++) trace.append({ type: 'process-noted', process: 'balancer', event, warns: false, detail })
  t.false(trace.cut.aborted)
  for (let n = 0; n < 9; n++) trace.append({ type: 'process-noted', process: 'balancer', event, warns: false, detail })
  trace.append({ type: 'run-ended', reason: 'asked to' })
  const why = 'the trace has reached its bound of 1 MB'
  t.true(trace.cut.aborted)
  t.is(trace.cut.reason, why)
  t.deepEqual(
    noted.filter((each) => each !== event),
    [why],
  )
  t.true(statSync(trace.path).size <= MEGABYTE + 1_000)
  const { events, problem } = decodeTrace(readFileSync(trace.path, 'utf8'))
  t.is(problem, undefined)
  t.like(events.at(-1), { type: 'run-ended', cutShort: why })
  t.is(events.filter(({ type }) => type === 'run-ended').length, 1)
  t.is(judge(events).doubts[0], `the run was cut short: ${why}`)
})

test('a full trace has room for its end', (t) => {
  const trace = testTrace(t, MEGABYTE)
  const room = MEGABYTE - statSync(trace.path).size
  const words = 'x'.repeat(room - 150)
  trace.append({ type: 'process-noted', process: 'lab', event: 'a long story', warns: false, detail: { words } })
  trace.append({ type: 'run-ended', reason: 'asked to, and with a good many words for it' })
  const { events } = decodeTrace(readFileSync(trace.path, 'utf8'))
  t.false(trace.cut.aborted)
  t.like(events.at(-1), { type: 'run-ended', reason: 'asked to, and with a good many words for it' })
})

test("a trace that can't be written aborts `cut`, and throws nothing", (t) => {
  const trace = testTrace(t)
  rmSync(trace.path)
  mkdirSync(trace.path)
  trace.append({ type: 'node-paused', node: 'a' })
  trace.append({ type: 'node-resumed', node: 'a' })
  t.regex(String(trace.cut.reason), /^the trace can't be written any more \(EISDIR/)
})

test('time in a trace never goes back', (t) => {
  const trace = testTrace(t)
  for (let n = 0; n < 100; n++) trace.append({ type: 'node-paused', node: 'a' })
  const { events } = decodeTrace(readFileSync(trace.path, 'utf8'))
  const times = events.map(({ atMs }) => atMs)
  t.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
})

test('an event that a listener appends comes after the present one, for every listener', (t) => {
  const trace = testTrace(t)
  const heard: string[] = []
  trace.listen((event) => {
    if (event.type === 'node-down') trace.append({ type: 'fault-healed', fault: 'f1' })
  })
  const end = trace.listen((event) => heard.push(event.type))
  trace.append({ type: 'node-down', node: 'a', pid: 1, code: 0, signal: null, held: 0 })
  end()
  trace.append({ type: 'node-up', node: 'a', pid: 1 })
  t.deepEqual(heard, ['node-down', 'fault-healed'])
})

test('a recent client gets the later events, others the recent events and the state before', (t) => {
  const recent = new RecentEvents(3)
  const events = Array.from({ length: 20 }, (_, seq): TraceEvent => ({
    seq,
    atMs: seq,
    type: 'node-paused',
    node: 'a',
  }))
  for (const event of events) recent.push(event)

  t.deepEqual(recent.since(17), { events: events.slice(18) })
  t.deepEqual(recent.since(19), { events: [] })

  for (const unknown of [undefined, 0, 20, -7]) {
    const { base, events: kept } = recent.since(unknown)
    t.true(kept.length >= 3 && kept.length < 6)
    t.is(base?.seq, (kept[0]?.seq ?? 0) - 1)
    t.is(kept.at(-1)?.seq, 19)
  }
})
