/** A cluster that another program starts, as Docker does: the lab shows it and breaks its nodes by signed orders. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { freePort, until } from '../../src/index.ts'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const LAB_SECRET = 'the secret of a lab for its tests'
const DEADLINE_MS = 60_000
const program = (name: string): string => fileURLToPath(import.meta.resolve(`@ninelives/${name}/main`))

/** Starts a program, and starts it again whenever it has ended. */
function kept(t: ExecutionContext, name: string, env: Readonly<Record<string, string>>): { readonly exits: string[] } {
  const exits: string[] = []
  let child: ChildProcess
  let isOver = false
  const start = (): void => {
    child = spawn(process.execPath, [program(name)], { env: { PATH: process.env['PATH'], ...env }, stdio: 'ignore' })
    child.once('exit', (code, signal) => {
      exits.push(signal ?? String(code))
      if (!isOver) start()
    })
  }
  start()
  t.teardown(async () => {
    isOver = true
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  })
  return { exits }
}

async function cluster(t: ExecutionContext) {
  const ports = await Promise.all(Array.from({ length: 5 }, () => freePort()))
  const [a = 0, b = 0, labA = 0, labB = 0, shop = 0] = ports
  const node = (name: string, port: number, labPort: number) =>
    kept(t, 'node', {
      NODE_NAME: name,
      PORT: String(port),
      LAB_PORT: String(labPort),
      LAB_SECRET,
      STORE: `sqlite:${directory}/sessions.db`,
      SESSION_KEYS: 'a key of thirty-two characters for nodes',
      PASSWORD_COST: 'low',
      TRUST_PROXY: 'true',
      LOGIN_THROTTLE: 'off',
      VISITOR_THROTTLE: 'off',
    })
  const directory = scratch(t)
  const nodes = [node('a', a, labA), node('b', b, labB)] as const
  const urls = `a=http://127.0.0.1:${a},b=http://127.0.0.1:${b}`
  kept(t, 'balancer', { PORT: String(shop), UPSTREAMS: urls })
  const args = [
    ['--nodes-url', urls, '--lab-ports', `a=127.0.0.1:${labA},b=127.0.0.1:${labB}`],
    ['--target', `http://127.0.0.1:${shop}`, '--control-port', '0', '--logs', directory, '--rate', '20'],
  ].flat()
  return { nodes, args }
}

test('the page of an attached lab kills a node, which whatever started it starts again', async (t) => {
  const { nodes, args } = await cluster(t)
  const attached = run(t, ['attach', ...args, '--users', '4'], { LAB_SECRET })
  const said = async (pattern: RegExp): Promise<string> => {
    await until(() => pattern.test(attached.output.stdout), { deadlineMs: DEADLINE_MS, what: String(pattern) })
    return pattern.exec(attached.output.stdout)?.[1] ?? ''
  }
  const control = await said(/live page is on (\S+)\. /)
  await said(/The shop is on (\S+), and 4 virtual users/)
  t.is((await fetch(control)).status, 200)
  const state = async () =>
    (await (await fetch(`${control}/api/cluster`)).json()) as { nodes: { name: string; state: string }[] }
  t.deepEqual(
    (await state()).nodes.map((each) => each.state),
    ['up', 'up'],
  )

  const inject = async (fault: object): Promise<Response> =>
    await fetch(`${control}/api/faults`, { method: 'POST', body: JSON.stringify(fault) })
  const killed = await inject({ kind: 'kill', target: 'a' })
  t.is(killed.status, 201, await killed.clone().text())
  t.truthy(((await killed.json()) as { confirmedAt?: unknown }).confirmedAt)
  await until(() => nodes[0].exits.length === 1, { deadlineMs: DEADLINE_MS, what: 'the node to be gone' })
  t.deepEqual(nodes[0].exits, ['SIGKILL'])
  const isBack = async (): Promise<boolean> => (await state()).nodes.every((each) => each.state === 'up')
  await until(isBack, { deadlineMs: DEADLINE_MS, what: 'the node to be back' })
  t.deepEqual(nodes[1].exits, [])

  const refused = await inject({ kind: 'pause', target: 'b' })
  t.is(refused.status, 409)
  t.regex(await refused.text(), /docker compose pause node-b/)

  attached.process.kill('SIGINT')
  t.is(await attached.exited, 0, attached.output.stderr)
})

test('a lab with another secret breaks nothing, and says why', async (t) => {
  const { nodes, args } = await cluster(t)
  const attached = run(t, ['attach', ...args, '--users', '0'], { LAB_SECRET: 'another secret, as long as it takes' })
  const isTold = (): boolean => /both need the same LAB_SECRET/.test(attached.output.stderr)
  await until(isTold, { deadlineMs: DEADLINE_MS, what: 'the reason' })
  t.deepEqual(
    nodes.map(({ exits }) => exits),
    [[], []],
  )
})

test('without a secret or nodes the command says what it needs', async (t) => {
  const { LAB_SECRET: _secret, ...env } = process.env
  for (const [args, environment, needs] of [
    [['attach', '--nodes-url', 'a=http://127.0.0.1:1'], env, /attach needs LAB_SECRET or LAB_SECRET_FILE/],
    [['attach'], { ...env, LAB_SECRET }, /attach needs --nodes-url/],
  ] as const) {
    const { exited, output } = run(t, args, environment)
    t.is(await exited, 2)
    t.regex(output.stderr, needs)
  }
})
