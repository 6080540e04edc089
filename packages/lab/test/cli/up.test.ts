import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { decodeTrace } from '@ninelives/history'
import { until } from '../../src/wait.ts'
import { anyPorts, cli, family, ready, run, runProgram, runUp, untilGone } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const strategy = ['--strategy', 'sticky']

test.serial('up prints its addresses, and serves', async (t) => {
  const { shop, control, output } = await runUp(t, ...strategy, '--users', '0')
  t.is((await fetch(`${shop}/healthz`)).status, 200)
  t.is((await fetch(`${control}/`)).status, 200)
  const cluster = (await (await fetch(`${control}/api/cluster`)).json()) as { nodes: { pid: number }[] }
  t.true(output.stdout.includes(`kill -9 ${cluster.nodes[1]?.pid}\n`))
  t.regex(output.stdout, /Strategy +sticky: .*logs its users out\n/)
  t.false(output.stdout.includes('\u001B'), 'no colours where there is no terminal')
  t.is(output.stderr, '')
})

test.serial('Ctrl-C leaves one line and no process, and is no failure', async (t) => {
  const { pid, process, output, exited } = await runUp(t, ...strategy)
  const pids = family(pid)
  t.true(pids.length >= 7, 'nodes, balancer, users, warden and itself')
  const before = output.stdout.length
  // Under npm it comes twice.
  process.kill('SIGINT')
  process.kill('SIGINT')
  t.is(await exited, 0)
  const last = output.stdout.slice(before).trimEnd().split('\n')
  t.regex(last.at(-1) ?? '', /^Stopped after \d+ s: .*0 node deaths. Trace: \S+$/)
  t.is(output.stderr, '')
  await untilGone(pids)
})

test.serial('stopped during its start, it exits with 130', async (t) => {
  const directory = scratch(t)
  const { pid, process, output, exited } = run(t, ['up', ...anyPorts, ...strategy, '--logs', directory])
  await until(() => output.stdout.includes('Starting') && family(pid).length > 4, {
    deadlineMs: 60_000,
    what: 'the first processes',
  })
  const pids = family(pid)
  process.kill('SIGINT')
  t.is(await exited, 130)
  await untilGone(pids)
})

test.serial('a second Ctrl-C kills every process', async (t) => {
  const { pid, process, exited, control } = await runUp(t, ...strategy)
  const pids = family(pid)
  await fetch(`${control}/api/faults`, { method: 'POST', body: JSON.stringify({ kind: 'pause', target: 'a' }) })
  process.kill('SIGINT')
  await sleep(600)
  process.kill('SIGINT')
  t.true([0, 130].includes(Number(await exited)))
  await untilGone(pids)
})

test.serial('no process is left when the lab is killed, not even a paused node', async (t) => {
  const { pid, process, exited, control } = await runUp(t, ...strategy)
  const paused = await fetch(`${control}/api/faults`, {
    method: 'POST',
    body: JSON.stringify({ kind: 'pause', target: 'b' }),
  })
  t.is(paused.status, 201)
  const pids = family(pid)
  process.kill('SIGKILL')
  t.is(await exited, 'SIGKILL')
  await untilGone(pids)
  t.pass()
})

test.serial('nothing is left when npm is killed', async (t) => {
  const directory = scratch(t)
  const args = ['start', '--silent', '--', ...anyPorts, ...strategy, '--logs', directory]
  const npm = await ready(runProgram(t, 'npm', args), directory)
  const pids = family(npm.pid)
  t.true(pids.length >= 8)
  npm.process.kill('SIGKILL')
  await untilGone(pids)
  t.pass()
})

test.serial('what happened is in the trace, and the logs are beside it', async (t) => {
  const { process, exited, directory, control } = await runUp(t, ...strategy, '--restart-after', '100')
  await fetch(`${control}/api/faults`, { method: 'POST', body: JSON.stringify({ kind: 'kill', target: 'c' }) })
  const read = () => decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8')).events
  const isBack = (): boolean => read().some((event) => event.type === 'node-up' && event.downForMs !== undefined)
  await until(isBack, { deadlineMs: 60_000, what: 'the node to be back' })
  await until(() => read().some(({ type }) => type === 'users-second'), { deadlineMs: 60_000, what: 'the users' })
  process.kill('SIGTERM')
  t.is(await exited, 0)
  const types = read().map(({ type }) => type)
  const order = [
    'run-started',
    'cluster-ready',
    'fault-injected',
    'node-down',
    'fault-confirmed',
    'node-starting',
    'node-up',
    'fault-healed',
    'run-ended',
  ]
  let from = 0
  for (const type of order) {
    const at = types.indexOf(type as (typeof types)[number], from)
    t.true(at >= from, `${type} comes in its turn`)
    from = at + 1
  }
  for (const label of ['node-a', 'node-b', 'node-c', 'balancer']) {
    t.regex(readFileSync(`${directory}/${label}.log`, 'utf8'), /"event":"listening"/)
  }
})

test.serial('watch prints what users see, and ends with totals', async (t) => {
  const { shop } = await runUp(t, ...strategy, '--users', '0')
  const watch = run(t, ['watch', '--target', shop, '--users', '5', '--rate', '50'])
  const lines = () => watch.output.stdout.split('\n').filter((line) => line.includes('carts intact 5/5'))
  await until(() => lines().length >= 3, { deadlineMs: 60_000, what: 'three seconds' })
  t.regex(lines()[2] ?? '', /^\d\d:\d\d:\d\d  a [█·]{8} +\d+ %  .*ok +\d+  failed 0  logged out 0/)
  watch.process.kill('SIGINT')
  t.is(await watch.exited, 0)
  t.regex(watch.output.stdout, /Watched http:\S+ for \d+ seconds\.\n  operations .*\n  ok .*100\.00 %/)
})

test.serial('watch waits for a shop that is not up yet', async (t) => {
  const watch = run(t, ['watch', '--target', 'http://127.0.0.1:1'])
  await until(() => watch.output.stdout.includes('Waiting up to 60 s for http://127.0.0.1:1'), {
    deadlineMs: 60_000,
    what: 'the line that says so',
  })
  watch.process.kill('SIGINT')
  t.is(await watch.exited, 130)
})

const onTerminal = process.platform === 'linux' ? test.serial : test.serial.skip

// util-linux's script gives the command a terminal; the script of other systems takes other arguments.
onTerminal('in a terminal, a key kills a node, pauses one, heals it, and quits', async (t) => {
  const directory = scratch(t)
  const words = [process.execPath, cli, 'up', ...anyPorts, ...strategy, '--users', '0', '--logs', directory]
  const command = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const inTerminal = runProgram(t, 'script', ['-qec', command, '/dev/null'], {}, 'pipe')
  const { process: script, output, exited } = await ready(inTerminal, directory)
  const types = async (keys: string, expected: RegExp): Promise<void> => {
    const from = output.stdout.length
    script.stdin?.write(`${keys}\n`)
    await until(() => expected.test(output.stdout.slice(from)), { deadlineMs: 60_000, what: `${keys} to be answered` })
  }
  t.regex(output.stdout, /Keys +k \+ Enter kills a node/)
  await types('k b', /node-b died \(SIGKILL\).*node-b is back/s)
  await types('p c', /node-c is paused/)
  await types('h', /node-c resumed/)
  await types('h', /No fault is ongoing/)
  await types('k zz', /there is no node "zz"; there are a, b, c/)
  await types('x', /Keys: k \+ Enter kills/)
  script.stdin?.write('q\n')
  t.is(await exited, 0)
  t.regex(output.stdout, /Stopped after \d+ s; 1 node death/)
})
