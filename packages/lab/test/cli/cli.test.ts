import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace } from '@ninelives/history'
import { runState } from '../../src/supervise/process-table.ts'
import { anyPorts, run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

async function takenPort(t: ExecutionContext): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return String((server.address() as { port: number }).port)
}

const refused = test.macro(async (t, args: string[], line: RegExp, environment: NodeJS.ProcessEnv = {}) => {
  const command = run(t, args, environment)
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, line)
  t.is(command.output.stderr.trimEnd().split('\n').length, 1)
  t.is(command.output.stdout, '')
})

test.serial(
  'an unknown command',
  refused,
  ['fly'],
  /^ninelives: unknown command "fly"; there are up, .*, and --help\n$/,
)
test.serial(
  'a flag in place of a command',
  refused,
  ['--strategy', 'redis'],
  /^ninelives: a command comes first, such as: ninelives up --strategy redis\n$/,
)
test.serial('an unknown flag', refused, ['up', '--fly'], /unknown flag --fly; up knows --strategy, --nodes,/)
test.serial('an unknown flag of watch', refused, ['watch', '--fly'], /unknown flag --fly; watch knows --target,/)
test(
  'an unknown strategy',
  refused,
  ['up', '--strategy', 'hope'],
  /--strategy takes replicated, clustered, memory, .*token or hybrid, not "hope"\n/,
)
test('a misspelt strategy', refused, ['up', '--strategy', 'reddis'], /not "reddis": did you mean redis\?\n/)
test.serial('too many nodes', refused, ['up', '--nodes', '13'], /--nodes takes 1 to 12, not "13"/)
test(
  'an odd restart',
  refused,
  ['up', '--restart-after', 'soon'],
  /--restart-after takes 0 to 600000, or never, not "soon"/,
)
test.serial('an odd target', refused, ['watch', '--target', 'https://x'], /--target takes http:\/\/HOST/)
test.serial('an odd REDIS_URL', refused, ['up'], /REDIS_URL is "here" and takes redis:/, { REDIS_URL: 'here' })
test.serial('a port for two', refused, ['up', '--port', '7', '--control-port', '7'], /are both 7; they must differ/)
test.serial('no Redis available', refused, ['up', '--strategy', 'redis'], /needs a Redis: install redis-server/, {
  PATH: '',
})

for (const [flag, what] of [
  ['--port', 'the shop'],
  ['--control-port', 'the live page'],
] as const) {
  test.serial(`the port of ${what} is in use`, async (t) => {
    const port = await takenPort(t)
    const command = run(t, ['up', ...anyPorts, flag, port, '--strategy', 'sticky'])
    t.is(await command.exited, 2)
    t.is(
      command.output.stderr,
      `ninelives: port ${port} for ${what} (${flag}) is in use; stop what uses it, or name another, 0 for any\n`,
    )
  })
}

test.serial('a log directory that is a file', async (t) => {
  const file = `${scratch(t)}/file`
  writeFileSync(file, '')
  const command = run(t, ['up', ...anyPorts, '--strategy', 'sticky', '--logs', file])
  t.is(await command.exited, 2)
  t.true(command.output.stderr.startsWith(`ninelives: can't write to ${file} (`))
  t.regex(command.output.stderr, /name another with --logs DIR\n$/)
})

test.serial('a store of no known scheme is refused by the nodes, and nothing is left of them', async (t) => {
  const directory = scratch(t)
  const command = run(t, ['up', ...anyPorts, '--strategy', 'sticky', '--store', 'cloud://nine', '--logs', directory])
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, /^ninelives: node-\w: STORE: .*cloud.*memory.*\n$/)
  t.is(command.output.stderr.trimEnd().split('\n').length, 1)
  const { events } = decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8'))
  const pids = events.flatMap((event) => ('pid' in event ? [event.pid] : []))
  t.true(pids.length > 0)
  for (const pid of pids) t.is(await runState(pid), 'gone')
})

test.serial('a missing Redis is waited for, and then is an error', async (t) => {
  const args = ['up', ...anyPorts, '--strategy', 'redis', '--logs', scratch(t)]
  const command = run(t, args, { REDIS_URL: 'redis://u:secret@127.0.0.1:1' })
  t.is(await command.exited, 1)
  t.regex(command.output.stdout, /waiting for Redis at redis:\/\/u:\*\*\*@127\.0\.0\.1:1\n/)
  t.regex(command.output.stderr, /^ninelives: no answer from Redis at redis:.*\(REDIS_URL\): .*ECONNREFUSED.*\n$/)
  t.notRegex(command.output.stdout + command.output.stderr, /secret/)
})

test.serial('help and version are answers, not errors', async (t) => {
  for (const [args, text] of [
    [[], /up .*\n.*watch /],
    [['--help'], /up .*\n.*watch /],
    [['up', '--help'], /--restart-after MS/],
    [['watch', '--help'], /--target URL/],
    [['simulate', '--help'], /--variant NAME[^]*no-fence/],
    [['--version'], /^\d+\.\d+\.\d+\n$/],
  ] as const) {
    const command = run(t, args)
    t.is(await command.exited, 0)
    t.regex(command.output.stdout, text)
    t.is(command.output.stderr, '')
  }
})

const internal = test.macro(async (t, args: (t: ExecutionContext) => string[], code: string) => {
  const command = run(t, args(t), { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` })
  t.is(await command.exited, 3, command.output.stdout)
  t.regex(command.output.stderr, /^ninelives: internal error: Error: a bug \(at .+\)\n$/)
})

const unreachable = ['--target', 'http://127.0.0.1:9', '--kill-command', 'true']
const prove = (t: ExecutionContext): string[] => ['prove', ...unreachable, '--logs', scratch(t)]
const check = (t: ExecutionContext): string[] => {
  const file = `${scratch(t)}/trace.ndjson`
  writeFileSync(file, '')
  return ['check', file]
}
const fails = 'process.stdout.write = () => { throw new Error("a bug") }'
const failsLater = 'process.stdout.write = () => setImmediate(() => { throw new Error("a bug") })'
test('a defect of the lab is no proof', internal, prove, fails)
test('a defect outside every await is no proof', internal, prove, failsLater)
test('a defect of check is no proof', internal, check, fails)

test('help is a command as well', async (t) => {
  const command = run(t, ['help', 'replay'])
  t.is(await command.exited, 0)
  t.regex(command.output.stdout, /^ninelives replay TRACE/)
})
