/** What can be handed on of a run: the page, JUnit XML, the badge, the summary of a job, and two runs beside each other. */
import { readFileSync, writeFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { reportOf } from '../../src/cli/prove/check.ts'
import { TraceFile } from '../../src/cli/command/trace-file.ts'
import { badge } from '../../src/report/badge.ts'
import { compared, newAnomalies } from '../../src/report/compare.ts'
import { junitXml } from '../../src/report/junit.ts'
import { reportPage } from '../../src/report/page.ts'
import type { RunReport } from '../../src/report/run-report.ts'
import { jobSummary } from '../../src/report/summary.ts'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const start = {
  type: 'run-started',
  schema: 1,
  startedAtMs: 0,
  seed: 5,
  users: 1,
  rate: 60,
  nodes: [{ name: 'a', url: '' }],
  strategy: { name: 'sticky', summary: 'in one node' },
  store: 'memory:',
}
const ends = { type: 'run-ended', reason: 'over' }
const kill = [
  { type: 'fault-injected', fault: 'f1', kind: 'kill', target: 'a' },
  { type: 'fault-confirmed', fault: 'f1', atMs: 150 },
]

function operation(op: number, kind: string, sentAtMs: number, end: object, user = 'u'): object[] {
  return [
    {
      type: 'operation-sent',
      op,
      user,
      visit: 1,
      tab: 0,
      kind,
      dueAtMs: sentAtMs,
      lateMs: 0,
      sentAtMs,
      atMs: sentAtMs,
    },
    { type: 'operation-ended', op, endedAtMs: sentAtMs + 1, atMs: sentAtMs + 1, node: 'a', ...end },
  ]
}

const ok = { outcome: 'ok', as: 'u', items: [] }
const out = { outcome: 'failed', why: 'logged-out' }
const healthy = [start, ...operation(1, 'login', 100, ok), ...kill, ...operation(2, 'read', 300, ok), ends]
const lossy = [start, ...operation(1, 'login', 100, ok), ...kill, ...operation(2, 'read', 300, out), ends]
const faultless = [start, ends]

function traceOf(t: ExecutionContext, events: readonly object[]): string {
  const file = `${scratch(t)}/trace.ndjson`
  writeFileSync(file, events.map((event, seq) => `${JSON.stringify({ atMs: seq, ...event, seq })}\n`).join(''))
  return file
}

function reported(t: ExecutionContext, events: readonly object[]): RunReport {
  return reportOf(new TraceFile(traceOf(t, events)))
}

test('the page has the verdict, the exposure, and each anomaly as a diagram of its messages', (t) => {
  const page = reportPage(reported(t, lossy))
  t.regex(page, /<span class="verdict invalid">invalid<\/span>/)
  t.regex(page, /One fault landed, and 1 sessions and 0 writes were lost/)
  t.regex(page, /<h3>lost-session, once<\/h3>/)
  t.regex(page, /<text[^>]*>u tab 0<\/text>/)
  t.regex(page, /op 2 {2}u, tab 0: read {2}-&gt; failed by a: logged-out/)
  t.regex(page, /kill of a/)
  t.notRegex(reportPage(reported(t, healthy)), /What proves it/)
})

test('a node that was asked to leave is shown as stopped, not as dead', (t) => {
  const leaves = [
    { type: 'node-up', node: 'a', pid: 1 },
    { type: 'cluster-ready', inMs: 1 },
    { type: 'node-draining', node: 'a' },
    { type: 'node-down', node: 'a', pid: 1, code: 0, signal: null, held: 0 },
  ]
  const page = reportPage(reported(t, [start, ...leaves, ends]))
  t.regex(page, /<title>node a: stopped from/)
  t.notRegex(page, /<title>node a: down/)
})

test('the page needs no network, and runs nothing', (t) => {
  const page = reportPage(reported(t, lossy))
  t.notRegex(page, /<script|<link|<img|@import|url\((?!#)|src=/)
  t.regex(page, /default-src &#39;none&#39;/)
})

test('what a trace says is text on the page, in the XML and in the summary', (t) => {
  const name = '<script>"x"&|*b*'
  const report = reported(t, [
    start,
    ...operation(1, 'login', 100, { ...ok, as: name }, name),
    ...kill,
    ...operation(2, 'read', 300, out, name),
    ends,
  ])
  t.notRegex(reportPage(report), /<script/)
  t.notRegex(junitXml(report.verdict, name), /<script/)
  t.notRegex(jobSummary(report), /<script|\*b\*/)
})

test('JUnit XML has a test for each kind of anomaly, and an error for a run that proves nothing', (t) => {
  const failed = junitXml(reported(t, lossy).verdict, 'sticky')
  t.regex(failed, /<testsuite name="ninelives prove, sticky" tests="21" failures="1" errors="0">/)
  t.regex(failed, /<testcase classname="sticky" name="no lost-session">\n +<failure message="u was logged in and/)
  t.regex(failed, /<testcase classname="sticky" name="no leak"\/>/)
  t.is(failed.match(/<testcase /g)?.length, 21)
  t.regex(junitXml(reported(t, faultless).verdict, 'x'), /failures="0" errors="1"/)
  t.regex(junitXml(reported(t, healthy).verdict, 'x'), /failures="0" errors="0"/)
})

test('the badge says the verdict, and what it is worth', (t) => {
  t.regex(badge(reported(t, healthy).verdict), /<title>ninelives: valid, 1 fault<\/title>/)
  t.regex(badge(reported(t, lossy).verdict), /<title>ninelives: invalid: lost-session<\/title>/)
  t.regex(badge(reported(t, faultless).verdict), /<title>ninelives: unknown, 0 faults<\/title>/)
})

test("a job's summary says what was found, or what is in doubt", (t) => {
  t.regex(jobSummary(reported(t, lossy)), /^### ❌ invalid: sticky, 1 node, 1 user, seed 5\n/)
  t.regex(jobSummary(reported(t, lossy)), /- \*\*lost-session\*\*, 1 times: u was logged in/)
  t.regex(jobSummary(reported(t, faultless)), /⚠️ unknown: [^]*- in doubt: there was not one operation/)
})

test('of two runs the anomalies of the second are named that the first has not', (t) => {
  const [before, after] = [reported(t, healthy), reported(t, lossy)]
  t.deepEqual(newAnomalies(before, after), ['lost-session'])
  t.deepEqual(newAnomalies(after, before), [])
  const rows = new Map(compared(before, after).map(([what, ...values]) => [what, values]))
  t.deepEqual(rows.get('verdict'), ['valid', 'invalid'])
  t.deepEqual(rows.get('sessions lost'), ['0 of 1 (at most 100 % of faults)', '1 of 1'])
  t.deepEqual(rows.get('lost-session'), ['0', '1'])
  t.false(rows.has('leak'), 'neither has it')
})

test('report writes the page beside the trace, and prove --compare exits with 1 for a worse run', async (t) => {
  const [good, bad] = [traceOf(t, healthy), traceOf(t, lossy)]
  const report = run(t, ['report', bad, '--junit', `${bad}.xml`, '--badge', `${bad}.svg`])
  t.is(await report.exited, 1, report.output.stderr)
  t.regex(readFileSync(bad.replace('trace.ndjson', 'report.html'), 'utf8'), /^<!doctype html>/)
  t.regex(readFileSync(`${bad}.xml`, 'utf8'), /^<\?xml /)
  t.regex(readFileSync(`${bad}.svg`, 'utf8'), /^<svg/)
  const compare = run(t, ['prove', '--compare', good, bad])
  t.is(await compare.exited, 1, compare.output.stderr)
  t.regex(compare.output.stdout, /Only in .*: lost-session\n/)
})

const refused = test.macro(async (t, args: string[], line: RegExp) => {
  const command = run(t, args)
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, line)
})

test('one run to compare', refused, ['prove', '--compare', '/x'], /prove --compare takes two runs: --compare A B/)
test('three runs to compare', refused, ['prove', '--compare', '/x', '/y', '/z'], /prove takes no "\/z"; see --help/)
test('a word too many', refused, ['prove', 'sticky'], /prove takes no "sticky"; see --help/)
test(
  'a file that can not be written, before anything starts',
  refused,
  ['prove', '--junit', '/nowhere/junit.xml'],
  /\/nowhere\/junit\.xml can't be written: ENOENT/,
)
