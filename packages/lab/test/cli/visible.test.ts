/** Foreign text does nothing to the terminal that shows it. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'
import { visible, visibleJson } from '../../src/terminal/visible.ts'
import { until } from '../../src/wait.ts'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

/** Sets the title of the window, moves the cursor, colours in two ways, reverses the direction of writing, begins a line. */
const HOSTILE = 'x\u001B]0;owned\u0007\u001B[2J\u009B31m\u202Ey\r\nz\u2028'

const OWN_COLOURS = [1, 2, 22, 31, 32, 33, 36, 39].map((code) => `\u001B[${code}m`)

function assertHarmless(t: ExecutionContext, output: string): void {
  let rest = output.replaceAll('\n', '')
  for (const colour of OWN_COLOURS) rest = rest.replaceAll(colour, '')
  t.deepEqual(rest.match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu), null, JSON.stringify(output))
  t.true(output.includes('owned'), 'it is shown')
}

test('invisible characters are escaped, and others are not', (t) => {
  t.is(visible(HOSTILE), String.raw`x\x1b]0;owned\x07\x1b[2J\x9b31m\u{202e}y\x0d\x0az\u{2028}`)
  t.is(visible('김영희, naïve 👍 → ok'), '김영희, naïve 👍 → ok')
  t.is(visible('\uD800'), String.raw`\u{d800}`)
})

test('JSON for a terminal is the same value', (t) => {
  const value = { [HOSTILE]: [HOSTILE, '👍', '\u{E0001}'] }
  const text = visibleJson(value, 2)
  t.deepEqual(JSON.parse(text), value)
  t.is(text.replaceAll('\n', '').match(/[\p{Cc}\p{Cf}]/gu), null)
})

const start = { type: 'run-started', schema: 1, run: HOSTILE, startedAtMs: 0, seed: 1, users: 1, rate: 1 }
const strategy = { name: HOSTILE, routing: HOSTILE, summary: HOSTILE, onNodeDeath: HOSTILE }
const second = { sent: 1, ok: 0, loggedOut: 1, lost: 1, users: { all: 1, loggedIn: 1, intact: 0 } }
const counts = { failed: { [HOSTILE]: 1 }, unknown: { [HOSTILE]: 1 }, byNode: { [HOSTILE]: 1 } }
const sent = { type: 'operation-sent', user: HOSTILE, visit: 1, tab: 0, sentAtMs: 1, dueAtMs: 1, lateMs: 0 }
const ended = { type: 'operation-ended', endedAtMs: 2, node: HOSTILE, session: HOSTILE }
const pid = 1
const code = null

/** Every type of event, and foreign text in every place of it that has any. */
const hostileEvents: readonly object[] = [
  { ...start, strategy, store: HOSTILE, balancerUrl: HOSTILE, nodes: [{ name: HOSTILE, url: HOSTILE }] },
  { type: 'node-starting', node: HOSTILE, pid, url: HOSTILE },
  { type: 'node-up', node: HOSTILE, pid },
  { type: 'cluster-ready', inMs: 1 },
  { type: 'node-paused', node: HOSTILE },
  { type: 'node-resumed', node: HOSTILE },
  { type: 'node-draining', node: HOSTILE },
  { type: 'node-down', node: HOSTILE, pid, code, signal: HOSTILE, held: 1 },
  { type: 'node-up', node: HOSTILE, pid: HOSTILE, downForMs: 1 },
  { type: 'process-down', process: HOSTILE, pid, code, signal: HOSTILE },
  { type: 'process-up', process: HOSTILE, pid: HOSTILE, url: HOSTILE },
  { type: 'process-noted', process: HOSTILE, event: HOSTILE, warns: true, detail: { [HOSTILE]: HOSTILE } },
  { type: 'process-noted', process: HOSTILE, event: 'crash-point', detail: { point: HOSTILE, operation: HOSTILE } },
  { type: 'upstream-ejected', upstream: HOSTILE, reason: HOSTILE },
  { type: 'upstream-readmitted', upstream: HOSTILE },
  { type: 'upstream-draining', upstream: HOSTILE },
  { type: 'fault-injected', fault: 'a', kind: 'stall', target: HOSTILE },
  { type: 'fault-confirmed', fault: 'a' },
  { type: 'fault-healed', fault: 'a' },
  { type: 'fault-injected', fault: HOSTILE, kind: HOSTILE, target: HOSTILE, point: HOSTILE },
  { type: 'fault-confirmed', fault: HOSTILE },
  { type: 'fault-injected', fault: 'b', kind: HOSTILE, target: HOSTILE, point: HOSTILE },
  { type: 'fault-failed', fault: 'b', reason: HOSTILE },
  { type: 'sessions-held', held: { [HOSTILE]: 1 } },
  { type: 'users-paced', rate: 1, reason: HOSTILE },
  ...Array.from({ length: 10 }, () => {
    return { type: 'users-second', ...second, ...counts, latencyMs: { p50: 1, p99: 1 }, lateMs: 1 }
  }),
  { ...sent, op: 1, kind: 'login', session: HOSTILE },
  { ...ended, op: 1, outcome: 'ok', as: HOSTILE },
  { ...sent, op: 2, kind: 'put', sku: HOSTILE, node: HOSTILE },
  { ...ended, op: 2, outcome: 'ok', as: HOSTILE, items: [[HOSTILE, 1]] },
  { ...sent, op: 3, kind: 'read', sentAtMs: 3, dueAtMs: 3 },
  { ...ended, op: 3, endedAtMs: 9, outcome: 'ok', as: `other ${HOSTILE}`, items: [[HOSTILE, 2]] },
  { ...sent, op: 4, kind: HOSTILE, sentAtMs: 10 },
  { ...ended, op: 4, endedAtMs: 11, outcome: 'failed', why: HOSTILE },
  { type: 'run-ended', reason: HOSTILE, cutShort: HOSTILE },
]

test('a trace sends the terminal no control character, whatever it holds', async (t) => {
  const file = `${scratch(t)}/trace.ndjson`
  writeFileSync(file, hostileEvents.map((event, seq) => `${JSON.stringify({ seq, atMs: seq, ...event })}\n`).join(''))
  for (const args of [
    ['replay', '--speed', '0', file],
    ['check', file],
    ['check', '--json', file],
  ]) {
    const command = run(t, args, { FORCE_COLOR: '1' })
    await command.exited
    t.is(command.output.stderr, '')
    assertHarmless(t, command.output.stdout)
  }
})

test('a trace of another schema or shape sends no control character', async (t) => {
  const file = `${scratch(t)}/trace.ndjson`
  for (const line of [
    { ...hostileEvents[0], schema: HOSTILE, seq: 0, atMs: 0 },
    { ...hostileEvents[0], nodes: HOSTILE, seq: 0, atMs: 0 },
    { ...hostileEvents[0], rate: HOSTILE, seq: 0, atMs: 0 },
  ]) {
    writeFileSync(file, `${JSON.stringify(line)}\n`)
    for (const command of ['replay', 'check']) {
      const told = run(t, [command, file], { FORCE_COLOR: '1' })
      await told.exited
      assertHarmless(t, told.output.stdout)
    }
  }
})

test('a watched shop sends no control character', async (t) => {
  const server = createServer((request, response) => {
    // What a header may hold: the bytes above the letters, one of which begins a command.
    response.setHeader('X-Served-By', 'owned\u009B31m')
    if (request.url === '/api/session') response.end('{}')
    else response.writeHead(500).end(JSON.stringify({ error: { code: HOSTILE } }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as { port: number }
  const watch = run(t, ['watch', '--target', `http://127.0.0.1:${port}`, '--users', '2'], { FORCE_COLOR: '1' })
  await until(() => watch.output.stdout.includes('owned'), { deadlineMs: 60_000, what: 'the first second' })
  watch.process.kill('SIGINT')
  t.is(await watch.exited, 0)
  assertHarmless(t, watch.output.stdout)
})
