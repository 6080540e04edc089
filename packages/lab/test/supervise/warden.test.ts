import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { runState, startMark } from '../../src/supervise/process-table.ts'
import { Warden } from '../../src/supervise/warden.ts'
import { until } from '../../src/wait.ts'
import { scratch } from '../fixtures/open-lab.ts'

const guardedChildren = fileURLToPath(new URL('../fixtures/guarded-children.ts', import.meta.url))

const nothingIsLeft = test.macro(async (t, ...manners: string[]) => {
  const lab = spawn(process.execPath, [guardedChildren, scratch(t), ...manners], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => lab.kill('SIGKILL'))
  const [line] = (await once(lab.stdout, 'data')) as [Buffer]
  const { warden, children } = JSON.parse(line.toString()) as { warden: number; children: [number, number] }
  await until(async () => (await runState(children[0])) === 'stopped', { deadlineMs: 60_000, what: 'the pause' })
  t.is(await runState(children[1]), 'running')

  lab.kill('SIGKILL')
  for (const pid of [...children, warden]) {
    await until(async () => (await runState(pid)) === 'gone', { deadlineMs: 60_000, what: `${pid} to be gone` })
  }
  t.pass()
})

test('no process of a killed lab is left, paused or ignoring signals', nothingIsLeft)
test('a killed warden is replaced, and the next one has the list', nothingIsLeft, 'replace-the-warden')

test('a process that the warden forgot lives on', async (t) => {
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 60_000)'], { stdio: 'ignore' })
  t.teardown(() => stranger.kill('SIGKILL'))
  const warden = new Warden()
  const pid = stranger.pid ?? 0
  warden.watch(pid)
  warden.forget(pid)
  const wardenPid = warden.pid ?? 0
  await warden.close()
  t.is(await runState(wardenPid), 'gone')
  t.is(await runState(pid), 'running')
})

test('a process is known by its pid and the time it began', (t) => {
  t.is(typeof startMark(process.pid), 'string')
  t.is(startMark(process.pid), startMark(process.pid))
  t.not(startMark(process.pid), startMark(1))
  t.is(startMark(2 ** 22 + 1), undefined)
})
