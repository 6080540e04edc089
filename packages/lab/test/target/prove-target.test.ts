/** A system that is not the lab's, put through the gauntlet by commands of its own. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace, judge } from '@ninelives/history'
import { until } from '../../src/wait.ts'
import { type Command, run, runUp } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const small = ['--users', '24', '--rate', '60', '--seed', '5']

interface Shop {
  readonly target: string
  readonly control: string
  /** As --nodes-url takes it. */
  readonly nodes: string
  readonly pids: ReadonlyMap<string, number>
}

/** A cluster that `up` keeps: to prove, it is like any other. */
async function shop(t: ExecutionContext): Promise<Shop> {
  const { shop: target, control } = await runUp(t, '--users', '0')
  const { nodes } = (await (await fetch(`${control}/api/cluster`)).json()) as {
    nodes: { name: string; url: string; pid: number }[]
  }
  return {
    target,
    control,
    nodes: nodes.map(({ name, url }) => `${name}=${url}`).join(','),
    pids: new Map(nodes.map(({ name, pid }) => [name, pid])),
  }
}

function kill({ control }: Shop): string {
  return `curl -fsS -X POST ${control}/api/faults -d "{\\"kind\\":\\"kill\\",\\"target\\":\\"$NINELIVES_TARGET\\"}"`
}

interface Proof extends Command {
  readonly directory: string
}

function prove(t: ExecutionContext, target: string, ...args: string[]): Proof {
  const directory = scratch(t)
  return { ...run(t, ['prove', '--target', target, ...small, '--logs', directory, ...args]), directory }
}

test.serial("the nodes are killed by the user's command, and the run is judged", async (t) => {
  const own = await shop(t)
  const proof = prove(t, own.target, '--nodes-url', own.nodes, '--kill-command', kill(own), '--kills', '2')
  const code = await proof.exited
  const { stdout } = proof.output
  t.is(proof.output.stderr, '', stdout)
  for (const name of ['login', 'session', 'cart put', 'cart get', 'counter', 'logout']) {
    t.regex(stdout, new RegExp(`  ok  ${name} +(GET|POST) /api/`))
  }
  t.regex(stdout, /2 of 2 {2}kill of [abc] /)
  t.regex(stdout, /Faults +2 of 2 landed: 2 kill\n/)
  const { events } = decodeTrace(readFileSync(`${proof.directory}/trace.ndjson`, 'utf8'))
  t.is(events.filter(({ type }) => type === 'fault-healed').length, 2)
  t.true(events.some((event) => event.type === 'operation-sent' && event.kind === 'copy'))
  const again = run(t, ['replay', `${proof.directory}/trace.ndjson`, '--speed', '0'])
  t.is(await again.exited, 0)
  t.is(again.output.stdout.match(/command: kill of [abc] has landed\n/g)?.length, 2, again.output.stdout)
  const verdict = judge(events)
  t.deepEqual(verdict.anomalies, [], stdout)
  // On a busy machine a fault may miss: then nothing is known, and that is what is said.
  t.is(code, verdict.doubts.length === 0 ? 0 : 3, stdout)
})

test.serial('a command that fails or changes nothing did not land', async (t) => {
  const own = await shop(t)
  const failing = prove(t, own.target, '--kills', '1', '--kill-command', 'echo no such node; exit 7')
  t.is(await failing.exited, 3)
  t.regex(failing.output.stdout, /1 of 1 {2}kill \(it did not land: the command exited with 7: no such node\)/)
  t.regex(failing.output.stdout, /In doubt +fault f1 \(kill of one of them\) did not land: the command exited with 7/)

  const idle = prove(t, own.target, '--kills', '1', '--nodes-url', own.nodes, '--kill-command', 'true')
  t.is(await idle.exited, 3)
  t.regex(idle.output.stdout, /did not land: GET http:\S+\/healthz went on answering/)
})

test.serial('Ctrl-C heals what is broken before the lab exits', async (t) => {
  const own = await shop(t)
  const seen = `${scratch(t)}/mended`
  const pids = [...own.pids].map(([name, pid]) => `${name}) pid=${pid};;`).join(' ')
  const send = (signal: string): string => `case $NINELIVES_TARGET in ${pids} esac; kill -${signal} $pid`
  const proof = prove(
    t,
    own.target,
    '--nodes-url',
    own.nodes,
    '--fault-command',
    `pause=${send('STOP')}; echo paused`,
    '--start-command',
    `${send('CONT')}; echo "$NINELIVES_KIND $NINELIVES_FAULT" >> ${seen}`,
  )
  const log = `${proof.directory}/commands.log`
  const isPaused = (): boolean => existsSync(log) && readFileSync(log, 'utf8').includes('paused')
  await until(isPaused, { deadlineMs: 60_000, what: 'the first pause' })
  proof.process.kill('SIGINT')
  t.is(await proof.exited, 130)
  t.is(readFileSync(seen, 'utf8'), 'pause 1\n')
  // Its own lab sees a process that goes on a moment later.
  const areUp = async (): Promise<boolean> => {
    const { nodes } = (await (await fetch(`${own.control}/api/cluster`)).json()) as { nodes: { state: string }[] }
    return nodes.every(({ state }) => state === 'up')
  }
  await until(areUp, { deadlineMs: 60_000, what: 'the paused node to go on' })
})

test('a system without the interface is refused, with the request and the answer', async (t) => {
  const server = createServer((_request, response) => response.writeHead(404).end('<h1>Cannot GET it</h1>'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const stranger = prove(t, `http://127.0.0.1:${port}`, '--kill-command', 'true')
  t.is(await stranger.exited, 2)
  t.is(
    stranger.output.stderr,
    `ninelives: http://127.0.0.1:${port} does not speak the shop's interface (session, no login): asked GET /api/session, ` +
      'and 404 <h1>Cannot GET it</h1> with no Set-Cookie came back, where 200 {authenticated: false} was to come\n',
  )
  t.notRegex(stranger.output.stdout, /Ready/)

  const unreachable = prove(t, 'http://127.0.0.1:9', '--kill-command', 'true')
  t.is(await unreachable.exited, 2)
  t.regex(unreachable.output.stderr, /asked GET \/api\/session, and nothing came back \(ECONNREFUSED\)/)
})

test("a target's text is escaped, and an endless answer is reported", async (t) => {
  const server = createServer((request, response) => {
    if (request.headers['cookie'] === undefined) response.writeHead(404).end('\u001B[31mred\u0007')
  })
  const endless = createServer((_request, response) => response.writeHead(200).write('{'))
  for (const each of [server, endless]) {
    each.listen(0, '127.0.0.1')
    await once(each, 'listening')
    t.teardown(() => {
      each.close()
      each.closeAllConnections()
    })
  }
  const url = (of: typeof server): string => `http://127.0.0.1:${(of.address() as { port: number }).port}`
  const coloured = prove(t, url(server), '--kill-command', 'true')
  t.is(await coloured.exited, 2)
  t.regex(coloured.output.stderr, /and 404 \\x1b\[31mred\\x07 with no Set-Cookie came back/u)
  const drip = prove(t, url(endless), '--kill-command', 'true')
  t.is(await drip.exited, 2)
  t.regex(drip.output.stderr, /and nothing came back \(no whole answer in 5 s\)/)
})

test('a node that does not answer is named before anything else is asked', async (t) => {
  const nodes = ['--nodes-url', 'b=http://127.0.0.1:9']
  const proof = prove(t, 'http://127.0.0.1:9', '--kill-command', 'true', ...nodes)
  t.is(await proof.exited, 2)
  t.regex(proof.output.stderr, /node b of --nodes-url does not answer: asked GET http:\/\/127.0.0.1:9\/healthz/)

  // With something to start it by, it is tried, and what became of that is told.
  const starting = prove(t, 'http://127.0.0.1:9', '--kill-command', 'true', ...nodes, '--start-command', 'exit 4')
  t.is(await starting.exited, 3)
  t.regex(starting.output.stderr, /--start-command failed \(start of b\): the command exited with 4/)
})

const refused = test.macro(async (t, args: string[], line: RegExp) => {
  const command = run(t, ['prove', ...args])
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, line)
})

const target = ['--target', 'http://127.0.0.1:9']
test('no kill command', refused, target, /--target needs --kill-command CMD/)
test(
  'a fault without a command',
  refused,
  [...target, '--faults', 'pause'],
  /no command for pause: give --fault-command /,
)
test(
  'a strategy of its own',
  refused,
  [...target, '--strategy', 'redis'],
  /--strategy is of clusters that prove starts/,
)
test('a command without a target', refused, ['--kill-command', 'true'], /--kill-command is of a system of your own/)
test('a node without a URL', refused, [...target, '--nodes-url', 'a'], /--nodes-url takes NAME=http:/)
test('no URL', refused, ['--target', 'shop'], /--target takes http:\/\/HOST/)
test('a path that would be ignored', refused, ['--target', 'http://127.0.0.1:9/v2'], /--target takes http:\/\/HOST/)
test(
  'a path of a node that would be ignored',
  refused,
  [...target, '--nodes-url', 'a=http://127.0.0.1:9/v2'],
  /--nodes-url takes NAME=http:/,
)
test(
  'a command without its kind',
  refused,
  [...target, '--fault-command', 'pause'],
  /--fault-command takes KIND=CMD, .*, not "pause"/,
)
test(
  'two commands for one kind',
  refused,
  [...target, '--kill-command', 'true', '--fault-command', 'kill=false'],
  /--kill-command and --fault-command kill=CMD are two commands for one kind/,
)
test('copies without a target', refused, ['--copies', 'no'], /--copies is of a system of your own/)
