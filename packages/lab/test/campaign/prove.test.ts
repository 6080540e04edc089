/** Real clusters, broken on purpose, and what is said of them. */
import { readFileSync, writeFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, judge } from '@ninelives/history'
import { until } from '../../src/wait.ts'
import { type Command, family, run, untilGone } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const start = {
  type: 'run-started',
  schema: 1,
  startedAtMs: 0,
  nodes: [],
  strategy: {},
  store: 'memory:',
  users: 0,
  rate: 0,
}
const small = ['--users', '24', '--rate', '60', '--tabs', '2', '--seed', '5']

interface Proof {
  readonly code: number | string | null
  readonly stdout: string
  readonly directory: string
}

async function prove(t: ExecutionContext, ...args: string[]): Promise<Proof> {
  const directory = scratch(t)
  const command = run(t, ['prove', ...small, '--logs', directory, ...args])
  const code = await command.exited
  t.is(command.output.stderr, '')
  return { code, stdout: command.output.stdout, directory }
}

async function check(t: ExecutionContext, ...args: string[]): Promise<Command & { code: unknown }> {
  const command = run(t, ['check', ...args])
  return { ...command, code: await command.exited }
}

test.serial('sticky: the deaths of nodes cost sessions, and it is proven by two operations', async (t) => {
  const { code, stdout, directory } = await prove(t, '--strategy', 'sticky', '--kills', '3', '--faults', 'kill,crash')
  t.is(code, 1)
  t.regex(stdout, /3 of 3 {2}/)
  t.regex(stdout, /Faults +\d of 3 landed: 2 kill, 1 crash\n/)
  t.regex(stdout, /Anomaly +lost-session, \d+ times?\n/)
  t.regex(stdout, /Verdict +invalid\n/)
  t.regex(stdout, /lost-session: user-\d+ was logged in and was told to log in again.*\n\n.*login {2}-> ok.*\n/)

  const evidence = `${directory}/anomaly-lost-session.ndjson`
  const { events, problem } = decodeTrace(readFileSync(evidence, 'utf8'))
  t.is(problem, undefined)
  t.deepEqual(
    judge(events).anomalies.map(({ kind, times }) => ({ kind, times })),
    [{ kind: 'lost-session', times: 1 }],
  )
  t.is(events.filter(({ type }) => type === 'operation-sent').length, 2)
  const again = await check(t, evidence)
  t.is(again.code, 1)
  t.regex(again.output.stdout, /Verdict +invalid\n/)
})

test.serial('a correct store is valid under every fault', async (t) => {
  const { code, stdout, directory } = await prove(t, '--kills', '4', '--faults', 'kill,pause,crash,drain')
  const verdict = judge(decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8')).events)
  t.deepEqual(verdict.anomalies, [], stdout)
  t.true(verdict.operations.ok > 100)
  t.is(verdict.sessions.lost, 0)
  // On a busy machine a fault may miss: then nothing is known, and that is what is said.
  t.is(code, verdict.doubts.length === 0 ? 0 : 3, stdout)
})

test.serial('a correct store is valid in storms, and it is said what could be served', async (t) => {
  const storm = ['--overlap', '2', '--kills', '4', '--faults', 'kill,pause,partition,crash']
  const { code, stdout, directory } = await prove(t, ...storm)
  const verdict = judge(decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8')).events)
  t.deepEqual(verdict.anomalies, [], stdout)
  t.true((verdict.service?.outMs ?? 0) > 0, 'two of three nodes were broken')
  t.regex(stdout, /Service +too little was up to serve for \d+\.\d s: /)
  // On a busy machine a fault may miss, or full service come late: then nothing is known, and that is what is said.
  t.is(code, verdict.doubts.length === 0 ? 0 : 3, stdout)
})

test.serial('with --require it goes on until the interleaving has occurred', async (t) => {
  const { stdout, directory } = await prove(t, '--kills', '1', '--require', 'crash-after-commit,retry-across-rotation')
  const { anomalies, interleavings } = judge(decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8')).events)
  t.deepEqual(anomalies, [], stdout)
  const named = new Map(interleavings.map((each) => [each.name, each]))
  for (const name of ['crash-after-commit', 'retry-across-rotation'] as const) {
    t.true(named.get(name)?.isRequired)
    t.true((named.get(name)?.times ?? 0) > 0, stdout)
  }
  t.regex(
    stdout,
    / {2}Going on until this has occurred: a crash between commit and answer\n +more {2}crash after-commit/,
  )
  t.regex(stdout, /Exercised +\d+ x {2}/)
})

test.serial('Ctrl-C ends it, and leaves nothing behind', async (t) => {
  const directory = scratch(t)
  const command = run(t, ['prove', ...small, '--strategy', 'sticky', '--faults', 'pause', '--logs', directory])
  await until(() => /1 of 20/.test(command.output.stdout), { deadlineMs: 60_000, what: 'the first fault' })
  const pids = family(command.pid)
  t.true(pids.length > 4)
  command.process.kill('SIGINT')
  t.is(await command.exited, 130)
  t.regex(command.output.stdout, /Interrupted. Trace: (\S+)\nWhat it has: npx ninelives check \1\n/)
  await untilGone(pids)
  const again = await check(t, `${directory}/trace.ndjson`)
  t.regex(again.output.stdout, /In doubt +the run was cut short: SIGINT came before its end\n/)
})

test.serial("without --rate the machine's load is measured, and the verdict is written to a file", async (t) => {
  const directory = scratch(t)
  const command = run(t, ['prove', '--users', '24', '--kills', '0', '--logs', directory, '--seed', '5'])
  const code = await command.exited
  const { stdout } = command.output
  t.is(code, 0, stdout)
  const rates = [...stdout.matchAll(/^ {2}(\d+) operations a second/gm)].map(([, rate]) => Number(rate))
  t.is(rates[0], 300, 'the first that is tried')
  t.regex(stdout, new RegExp(`Load +${rates.at(-1)} operations a second\n`))
  t.regex(stdout, /Verdict +valid\n +Latency +p50 \S+ ms, p99 \S+ ms, the longest \S+ ms, from when each was due\n/)
  const written = JSON.parse(readFileSync(`${directory}/verdict.json`, 'utf8')) as { rate: number; verdict: string }
  t.like(written, { schema: 1, seed: 5, verdict: 'valid', rate: rates.at(-1) ?? 0, exposures: [] })
  const again = await check(t, '--json', `${directory}/trace.ndjson`)
  t.is(again.code, 0)
  t.deepEqual(JSON.parse(again.output.stdout), written)
})

test('a trace that breaks off is unknown, with the line', async (t) => {
  const file = `${scratch(t)}/trace.ndjson`
  writeFileSync(file, `${JSON.stringify({ seq: 0, atMs: 0, ...start })}\n{"seq":1,"at`)
  const { code, output } = await check(t, file)
  t.is(code, 3)
  t.regex(output.stdout, /In doubt +the trace can be read up to line 2: not JSON: the trace was cut off here\n/)
})

test("a checker's exception is reported as a defect, with its stack", async (t) => {
  const file = `${scratch(t)}/trace.ndjson`
  const sent = {
    type: 'operation-sent',
    op: 1,
    user: 'u',
    visit: 1,
    tab: 0,
    kind: 'login',
    sentAtMs: 1,
    dueAtMs: 1,
    lateMs: 0,
  }
  const events = [
    start,
    sent,
    { type: 'operation-ended', op: 1, endedAtMs: 2, outcome: 'ok' },
    { type: 'run-ended', reason: 'over' },
  ]
  writeFileSync(file, events.map((event, seq) => `${JSON.stringify({ seq, atMs: seq, ...event })}\n`).join(''))
  const hole = JSON.stringify(new URL('../../../history/src/checkers/hole.ts', import.meta.url))
  const code = `import { hole } from ${hole}; hole.observe = () => { throw new Error('a bug') }`
  const command = run(t, ['check', file], { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` })
  t.is(await command.exited, 3)
  const { stdout } = command.output
  t.regex(stdout, /In doubt +checker hole failed, which is a defect of this program: Error: a bug\n/)
  t.regex(stdout, /Verdict +unknown\n/)
  t.regex(stdout, /hole failed:\n\n +Error: a bug\n +at /)
  t.notRegex(stdout, /can be read up to/)
})

test('a trace of another schema is unknown', async (t) => {
  const file = `${scratch(t)}/trace.ndjson`
  writeFileSync(file, '{"seq":0,"atMs":0,"type":"run-started","schema":9}\n')
  const { code, output } = await check(t, file)
  t.is(code, 3)
  t.regex(output.stdout, /In doubt +the trace can be read up to line 1: schema 9, and this program reads schema 1\n/)
})

test('the table shows why operations failed', async (t) => {
  const file = `${scratch(t)}/trace.ndjson`
  const whys = ['logged-out', 'logged-out', 'cut off', '502']
  const events = [
    start,
    ...whys.map((_why, op) => ({
      type: 'operation-sent',
      op,
      user: 'u',
      visit: 1,
      tab: 0,
      kind: 'read',
      sentAtMs: op,
      dueAtMs: op,
      lateMs: 0,
    })),
    ...whys.map((why, op) => {
      return { type: 'operation-ended', op, endedAtMs: 10, outcome: why === '502' ? 'unknown' : 'failed', why }
    }),
    { type: 'run-ended', reason: 'over' },
  ]
  writeFileSync(file, events.map((event, seq) => `${JSON.stringify({ seq, atMs: seq, ...event })}\n`).join(''))
  const { output } = await check(t, file)
  t.regex(output.stdout, /Operations +0 ok, 3 failed \(2 logged-out, 1 cut off\), 1 unknown \(502\)\n/)
})

test('a late generator is reported, and does not change the verdict', async (t) => {
  const file = `${scratch(t)}/trace.ndjson`
  const events = [
    { ...start, rate: 60 },
    { type: 'users-paced', rate: 30, reason: 'at 60 a second they were sent 99.0 ms late at p99' },
    ...operation(1, 'login', 100, 0),
    { type: 'fault-injected', fault: 'f1', kind: 'kill', target: 'b' },
    { type: 'fault-confirmed', fault: 'f1', atMs: 150 },
    ...operation(2, 'read', 300, 40),
    { type: 'run-ended', reason: 'over' },
  ]
  writeFileSync(file, events.map((event, seq) => `${JSON.stringify({ atMs: seq, ...event, seq })}\n`).join(''))
  const { code, output } = await check(t, file)
  t.is(code, 0)
  t.regex(output.stdout, /Load +30 operations a second\n/)
  t.regex(
    output.stdout,
    /Exposed +to each fault 1 sessions? with 0 acknowledged writes;\n +1 users? within a second of it/,
  )
  t.regex(output.stdout, /Verdict +valid\n +Latency .*\n +not reliable: the generator was \S+ ms late at p99/)
})

test('replay shows a run from its trace', async (t) => {
  const file = `${scratch(t)}/trace.ndjson`
  const events = [
    { ...start, nodes: [{ name: 'b', url: '' }], strategy: { onNodeDeath: 'so it goes' } },
    { type: 'cluster-ready', inMs: 1 },
    { type: 'node-down', node: 'b', pid: 1, code: null, signal: 'SIGKILL', held: 0 },
  ]
  writeFileSync(file, events.map((event, seq) => `${JSON.stringify({ seq, atMs: seq * 1_000, ...event })}\n`).join(''))
  const command = run(t, ['replay', '--speed', '0', file])
  t.is(await command.exited, 0)
  t.regex(command.output.stdout, /node-b died \(SIGKILL\); so it goes\n/)
})

test('a long replay without delays ends with Ctrl-C', async (t) => {
  const file = `${scratch(t)}/trace.ndjson`
  const start = {
    type: 'run-started',
    schema: 1,
    startedAtMs: 0,
    nodes: [],
    strategy: { name: 'long' },
    store: 'memory:',
    users: 1,
    rate: 1,
  }
  const lines = Array.from({ length: 400_000 }, (_, seq) => {
    return JSON.stringify({ seq, atMs: 0, ...(seq === 0 ? start : { type: 'cluster-ready', inMs: 1 }) })
  })
  writeFileSync(file, lines.join('\n'))
  const command = run(t, ['replay', '--speed', '0', file])
  await until(() => command.output.stdout.includes('long, 1 user\n'), { deadlineMs: 60_000, what: 'its beginning' })
  command.process.kill('SIGINT')
  t.is(await command.exited, 130)
})

function operation(op: number, kind: string, sentAtMs: number, lateMs: number): object[] {
  const about = { user: 'u', visit: 1, tab: 0, kind, dueAtMs: sentAtMs - lateMs }
  return [
    { type: 'operation-sent', op, ...about, sentAtMs, lateMs },
    { type: 'operation-ended', op, endedAtMs: sentAtMs + 1, outcome: 'ok', as: 'u', items: [] },
  ]
}

const refused = test.macro(async (t, args: string[], line: RegExp) => {
  const command = run(t, args)
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, line)
})

test('an unknown fault', refused, ['prove', '--faults', 'kill,flood'], /--faults takes one or more of kill, /)
test('a mistyped fault', refused, ['prove', '--faults', 'holdd@store'], /, not "holdd@store": did you mean hold\?\n/)
test('too many faults at once', refused, ['prove', '--overlap', '9'], /--overlap takes 1 to 4, not "9"/)
test(
  "storms over a system of the user's own",
  refused,
  ['prove', '--overlap', '2', '--target', 'http://127.0.0.1:1'],
  /--overlap is of clusters that prove starts, --target is not one/,
)
test(
  'an unknown interleaving',
  refused,
  ['prove', '--require', 'eclipse'],
  /--require takes one or more of request-on-dying-node, /,
)
test(
  'an interleaving of tabs with one tab',
  refused,
  ['prove', '--tabs', '1', '--require', 'two-tabs-at-once'],
  /--require two-tabs-at-once needs users with several tabs: --tabs 2/,
)
test(
  'a failover without a store server',
  refused,
  ['prove', '--strategy', 'sticky', '--faults', 'failover'],
  /--faults failover needs a store server that the lab starts itself, .*; sticky has none/,
)
test(
  'an amnesia without a store server',
  refused,
  ['prove', '--faults', 'kill,amnesia'],
  /--faults amnesia needs a store server that the lab starts itself, .*; replicated has none/,
)
test(
  'an unknown node as a target',
  refused,
  ['prove', '--faults', 'kill@z'],
  /--faults kill@z can't fall: there is no node "z"; kill takes a, b, c, random, /,
)
// Where Node would try for ever.
test(
  'a directory that can not be made',
  refused,
  ['prove', '--logs', '/proc/ninelives/deep'],
  /can't write to \/proc\/ninelives\/deep \(.*\); name another with --logs DIR/,
)
test(
  'a missing file',
  refused,
  ['check', '/nowhere'],
  /there is no \/nowhere; a trace is a file such as \.ninelives\/<run>\/trace\.ndjson\n/,
)
for (const command of ['check', 'replay', 'report'])
  test(
    `${command} of a file that is no trace`,
    refused,
    [command, 'README.md'],
    /README\.md is no trace: its first line is not JSON\n/,
  )
test('no file', refused, ['check'], /check takes one trace/)
test('two files', refused, ['check', 'one', 'another'], /check takes one trace/)
test('a flag that check does not have', refused, ['check', '--fly'], /unknown flag --fly; check knows --json, --help/)
test('no file to replay', refused, ['replay'], /replay takes one trace/)
