/** `session.single()` across processes: the one that runs the function is killed, or paused. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { until } from '../support/until.ts'

const PROGRAM = fileURLToPath(new URL('../fixtures/single-node.ts', import.meta.url))
const NODES = 3
const TABS = 4

interface Node {
  readonly url: string
  readonly process: ChildProcess
}

interface Cluster {
  readonly nodes: readonly Node[]
  /** The pids of the nodes that ran the function, in their order. */
  readonly runs: () => readonly number[]
  readonly cookie: string
}

async function cluster(t: ExecutionContext): Promise<Cluster> {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-single-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const log = join(directory, 'runs')
  const nodes = await Promise.all(
    Array.from({ length: NODES }, async () => {
      const child = fork(PROGRAM, [`sqlite:${directory}/sessions.db`, log], { stdio: 'ignore' })
      t.teardown(() => child.kill('SIGKILL'))
      const [port] = (await once(child, 'message')) as [number]
      return { url: `http://127.0.0.1:${port}`, process: child }
    }),
  )
  const { headers } = await fetch(`${nodes[0]?.url}/begin`)
  const cookie = headers.getSetCookie()[0]?.split(';', 1)[0] ?? ''
  const runs = (): number[] =>
    readFileSync(log, { encoding: 'utf8', flag: 'a+' }).split('\n').filter(Boolean).map(Number)
  return { nodes, runs, cookie }
}

/** A request of each tab at each node; undefined for one whose node died. */
function refreshes({ nodes, cookie }: Cluster, ms: number): Promise<string | undefined>[] {
  return nodes.flatMap(({ url }) =>
    Array.from({ length: TABS }, () =>
      fetch(`${url}/refresh?ms=${ms}`, { headers: { cookie } }).then(
        (answer) => answer.text(),
        () => undefined,
      ),
    ),
  )
}

test('requests at several nodes get the result of one run', async (t) => {
  const all = await cluster(t)
  const answers = await Promise.all(refreshes(all, 200))
  t.is(all.runs().length, 1)
  t.is(new Set(answers).size, 1)
  t.regex(answers[0] ?? '', /"token"/)
})

test('when the node that runs it is killed, one of those that wait runs it, and all others get its result', async (t) => {
  const all = await cluster(t)
  const asked = refreshes(all, 1_500)
  await until('the function to run', () => all.runs().length === 1)
  const [runner] = all.runs()
  all.nodes.find(({ process }) => process.pid === runner)?.process.kill('SIGKILL')
  const answers = await Promise.all(asked)
  t.is(all.runs().length, 2)
  t.not(all.runs()[1], runner)
  t.is(answers.filter((answer) => answer === undefined).length, TABS)
  const heard = answers.filter((answer) => answer !== undefined)
  t.is(new Set(heard).size, 1)
  t.regex(heard[0] ?? '', new RegExp(`"token":"${all.runs()[1]}-`))
})

test('a node that is paused for longer than its lease gets the result of the node that took over', async (t) => {
  const all = await cluster(t)
  const asked = refreshes(all, 1_500)
  await until('the function to run', () => all.runs().length === 1)
  const paused = all.nodes.find(({ process }) => process.pid === all.runs()[0])?.process
  paused?.kill('SIGSTOP')
  await until('another node to take over', () => all.runs().length === 2)
  await sleep(1_500)
  paused?.kill('SIGCONT')
  const answers = await Promise.all(asked)
  t.is(all.runs().length, 2)
  t.is(new Set(answers).size, 1)
  t.regex(answers[0] ?? '', new RegExp(`"token":"${all.runs()[1]}-`))
})
