import { readFileSync, statSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import test from 'ava'
import { eachLine } from '../../src/supervise/lines.ts'
import { LogFile } from '../../src/supervise/log-file.ts'
import { loggedEvent } from '../../src/trace/logged-event.ts'
import { scratch } from '../fixtures/open-lab.ts'

test('a log that is too large is rotated once', (t) => {
  const path = `${scratch(t)}/node-a.log`
  const log = new LogFile(path)
  const line = 'x'.repeat(64 * 1024)
  for (let written = 0; written < 300; written++) log.write(line)
  t.true(statSync(path).size < 9 * 1024 * 1024)
  t.true(statSync(`${path}.1`).size < 9 * 1024 * 1024)
})

test('a log continues across incarnations', (t) => {
  const path = `${scratch(t)}/node-a.log`
  new LogFile(path).write('first life')
  new LogFile(path).write('second life')
  t.is(readFileSync(path, 'utf8'), 'first life\nsecond life\n')
})

test('lines are whole, however they arrive', async (t) => {
  const stream = new PassThrough()
  const lines: string[] = []
  eachLine(stream, (line) => lines.push(line))
  const bytes = Buffer.from('one\ntwo 김영희\n\nthree')
  for (const byte of bytes) stream.write(Buffer.from([byte]))
  stream.end()
  await new Promise((resolve) => stream.on('close', resolve))
  t.deepEqual(lines, ['one', 'two 김영희', 'three'])
})

test('a line without an end is split', async (t) => {
  const stream = new PassThrough()
  const lines: string[] = []
  eachLine(stream, (line) => lines.push(line))
  for (let written = 0; written < 16; written++) stream.write('y'.repeat(64_000))
  stream.end()
  await new Promise((resolve) => stream.on('close', resolve))
  t.true(lines.length > 1)
  t.is(lines.join('').length, 16 * 64_000)
})

test('the decisions of the balancer become events of their own', (t) => {
  t.deepEqual(
    loggedEvent('balancer', '{"level":40,"event":"upstream-ejected","upstream":"b","reason":"ECONNREFUSED"}'),
    {
      type: 'upstream-ejected',
      upstream: 'b',
      reason: 'ECONNREFUSED',
    },
  )
  t.deepEqual(loggedEvent('balancer', '{"event":"upstream-readmitted","upstream":"b","downForMs":1900}'), {
    type: 'upstream-readmitted',
    upstream: 'b',
    downForMs: 1_900,
  })
  t.deepEqual(loggedEvent('balancer', '{"event":"upstream-draining","upstream":"b"}'), {
    type: 'upstream-draining',
    upstream: 'b',
  })
  const probe = {
    type: 'probe-result',
    upstream: 'b',
    result: 'refused',
    reason: 'x',
    tookMs: 2,
    everyMs: 250,
  } as const
  t.deepEqual(loggedEvent('balancer', JSON.stringify({ ...probe, type: undefined, event: 'probe-result' })), probe)
  const resent = { type: 'requests-resent', upstream: 'b', retries: 1, reroutes: 4 } as const
  t.deepEqual(loggedEvent('balancer', '{"event":"requests-resent","upstream":"b","retries":1,"reroutes":4}'), resent)
})

test("only the balancer's log becomes events of the balancer", (t) => {
  t.is(loggedEvent('node-a', '{"event":"upstream-ejected","upstream":"b"}')?.type, 'process-noted')
})

test('another logged decision is noted with its fields', (t) => {
  const line = '{"level":40,"time":1,"pid":2,"node":"a","event":"store-awaited","store":"redis","msg":"waiting"}'
  t.deepEqual(loggedEvent('node-a', line), {
    type: 'process-noted',
    process: 'node-a',
    event: 'store-awaited',
    warns: true,
    line: 'waiting',
    detail: { store: 'redis' },
  })
  t.deepEqual(loggedEvent('node-a', '{"level":30,"event":"draining"}'), { type: 'node-draining', node: 'a' })
})

test('a detail that would swell the trace stays in the log', (t) => {
  const line = JSON.stringify({ level: 30, event: 'dump', all: 'z'.repeat(5_000) })
  t.like(loggedEvent('node-a', line), { event: 'dump', detail: {} })
})

test('other log lines are not events', (t) => {
  for (const line of ['plain words', '{"msg":"no event"}', '{"event":', '{"event":7}', '[{"event":"x"}]']) {
    t.is(loggedEvent('node-a', line), undefined, line)
  }
})
