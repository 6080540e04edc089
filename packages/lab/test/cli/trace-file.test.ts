/** A trace on the disk, read piece by piece. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { decodeTrace } from '@ninelives/history'
import test, { type ExecutionContext } from 'ava'
import { TraceFile } from '../../src/cli/command/trace-file.ts'
import { UsageError } from '../../src/errors.ts'

function fileOf(t: ExecutionContext, text: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'ninelives-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = path.join(directory, 'trace.ndjson')
  writeFileSync(file, text)
  return file
}

/** Over several pieces of the file, with letters of two bytes, of which some end is in the next piece. */
function longText(events: number): string {
  const about = { startedAtMs: 0, nodes: [], strategy: {}, store: '', users: 0, rate: 0 }
  const start = { seq: 0, atMs: 0, type: 'run-started', schema: 1, ...about }
  const noted = Array.from({ length: events }, (_, index) => ({
    seq: index + 1,
    atMs: index,
    type: 'process-noted',
    process: 'node-a',
    event: 'noted',
    detail: { note: 'ä'.repeat(100 + (index % 7)) },
  }))
  return [start, ...noted].map((event) => `${JSON.stringify(event)}\n`).join('')
}

test('every iteration reads the file again', (t) => {
  const text = longText(12_000)
  const trace = new TraceFile(fileOf(t, text))
  const whole = decodeTrace(text)
  t.is(whole.events.length, 12_001)
  for (let time = 0; time < 2; time++) {
    t.deepEqual([...trace.events], whole.events)
    t.is(trace.problem, undefined)
  }
})

test('the line where it breaks off is known after an iteration', (t) => {
  const trace = new TraceFile(fileOf(t, longText(3).slice(0, -30)))
  t.is([...trace.events].length, 3)
  t.deepEqual(trace.problem, { line: 4, reason: 'not JSON: the trace was cut off here' })
})

test('a line without an end does not fill the memory', (t) => {
  const trace = new TraceFile(fileOf(t, `${longText(1)}${'x'.repeat(40 * 1024 * 1024)}`))
  t.is([...trace.events].length, 2)
  t.is(trace.problem?.line, 3)
})

const onLinux = existsSync('/proc/self/mem') ? test : test.skip

onLinux('what can not be read on is known as far as it was read', (t) => {
  const trace = new TraceFile('/proc/self/mem')
  t.deepEqual([...trace.events], [])
  t.is(trace.problem?.line, 1)
  t.regex(trace.problem?.reason ?? '', /can't be read on: EIO/)
})

test('an empty file has no events, and a directory is no trace', (t) => {
  const file = fileOf(t, '')
  const trace = new TraceFile(file)
  t.deepEqual([...trace.events], [])
  t.deepEqual(trace.problem, { line: 1, reason: 'the trace is empty' })
  t.throws(() => new TraceFile('/dev/stdin'), {
    instanceOf: UsageError,
    message: /not a regular file, and a trace is read/,
  })
  t.throws(() => new TraceFile(path.dirname(file)), {
    instanceOf: UsageError,
    message: /it is a directory; name the trace in it, such as .*trace\.ndjson/,
  })
})
