import { readFileSync } from 'node:fs'
import test from 'ava'
import { decodeTrace, initialState, reduce, type TraceEvent } from '@ninelives/history'
import { RecentEvents } from '../src/trace/recent.ts'
import { testTrace } from './fixtures/trace.ts'

test('what the file says and what the state says are the same', (t) => {
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

test('what a listener appends comes after the event that it was told of, for every listener', (t) => {
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

test('who was there lately gets what came since, who was not gets the past and what was before it', (t) => {
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
