import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { StartError } from '../../src/errors.ts'
import type { ProcessContext } from '../../src/supervise/child.ts'
import { Keeper, type KeeperOptions, type Life } from '../../src/supervise/keeper.ts'
import { runState } from '../../src/supervise/process-table.ts'
import { Warden } from '../../src/supervise/warden.ts'
import { until } from '../../src/wait.ts'
import { scratch } from '../fixtures/open-lab.ts'

const sleeper = fileURLToPath(new URL('../fixtures/sleeper.ts', import.meta.url))

interface Kept {
  readonly keeper: Keeper
  readonly lives: Life[]
  readonly lines: string[]
  readonly processContext: ProcessContext
}

function keep(t: ExecutionContext, manners: () => string[] = () => [], changes: Partial<KeeperOptions> = {}): Kept {
  const lives: Life[] = []
  const lines: string[] = []
  const warden = new Warden()
  const processContext = {
    directory: scratch(t),
    warden,
    onLine: (_label: string, line: string) => void lines.push(line),
  }
  const keeper = new Keeper({
    processContext,
    restartAfterMs: 50,
    onLife: (life) => lives.push(life),
    spec: () => ({
      label: 'sleeper',
      command: process.execPath,
      args: [sleeper, ...manners()],
      environment: process.env,
      channel: true,
    }),
    ...changes,
  })
  t.teardown(async () => {
    await keeper.kill()
    await warden.close()
  })
  return { keeper, lives, lines, processContext }
}

const seen = (lives: readonly Life[]): string[] => lives.map(({ at }) => at)

test('a process is up when it says so', async (t) => {
  const { keeper, lives } = keep(t)
  await keeper.start()
  t.deepEqual(seen(lives), ['starting', 'up'])
  t.like(lives[1], { url: 'http://127.0.0.1:1', downForMs: undefined, pid: keeper.pid })
})

test('a process is up before anything that it reports, however late its messages are read', async (t) => {
  const marker = `${scratch(t)}/reported`
  const order: string[] = []
  const { keeper } = keep(t, () => ['reports', marker], {
    onLife: ({ at }) => order.push(at),
    onMessage: ({ type }) => order.push(type),
  })
  const started = keeper.start()
  // Nothing is read until both messages are there.
  const giveUpAtMs = performance.now() + 20_000
  const cell = new Int32Array(new SharedArrayBuffer(4))
  while (!existsSync(marker) && performance.now() < giveUpAtMs) Atomics.wait(cell, 0, 0, 10)
  await started
  await until(() => order.includes('report'), { deadlineMs: 60_000, what: 'the report' })
  t.deepEqual(order, ['starting', 'up', 'ready', 'report'])
})

test('a process is down after its last line was read, however late its lab notices', async (t) => {
  const order: string[] = []
  const { keeper, lines } = keep(t, () => ['says-goodbye'], {
    restartAfterMs: undefined,
    onLife: ({ at }) => order.push(at === 'down' ? `down after ${lines.join()}` : at),
  })
  await keeper.start()
  const pid = keeper.pid ?? 0
  keeper.signal('SIGTERM')
  // Nothing is read until it has ended.
  const giveUpAtMs = performance.now() + 20_000
  const cell = new Int32Array(new SharedArrayBuffer(4))
  const ended = () => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  while (!ended() && performance.now() < giveUpAtMs) Atomics.wait(cell, 0, 0, 10)
  await until(() => order.length === 3, { deadlineMs: 60_000, what: 'the death' })
  t.deepEqual(order, ['starting', 'up', 'down after goodbye'])
})

test('a process that is killed from outside is restarted', async (t) => {
  const { keeper, lives } = keep(t)
  await keeper.start()
  const { pid } = keeper
  process.kill(pid ?? 0, 'SIGKILL')
  await until(() => lives.length === 5, { deadlineMs: 60_000, what: 'the second life' })
  t.deepEqual(seen(lives), ['starting', 'up', 'down', 'starting', 'up'])
  t.like(lives[2], { pid, exit: { code: null, signal: 'SIGKILL' } })
  const [, , , , back] = lives
  t.true(back?.at === 'up' && (back.downForMs ?? 0) >= 50, 'it says how long it was away')
  t.not(keeper.pid, pid)
})

test('without restarts a process stays down until it is started', async (t) => {
  const { keeper, lives } = keep(t, () => [], { restartAfterMs: undefined })
  await keeper.start()
  keeper.signal('SIGKILL')
  await until(() => lives.at(-1)?.at === 'down', { deadlineMs: 60_000, what: 'the death' })
  t.is(keeper.pid, undefined)
  t.false(keeper.signal('SIGTERM'))
  await keeper.start()
  t.is(lives.at(-1)?.at, 'up')
})

test("a failed first start rejects with the process' last line, and is not retried", async (t) => {
  const { keeper, lives } = keep(t, () => ['fails'])
  const error = await t.throwsAsync(keeper.start(), { instanceOf: StartError })
  t.is(error?.message, 'sleeper: the store is on the moon')
  t.is(error?.childExitCode, 1)
  t.deepEqual(seen(lives), ['starting', 'down'])
})

test('the last line of a crash is its error and not its stack', async (t) => {
  const { keeper } = keep(t, () => ['throws'])
  await t.throwsAsync(keeper.start(), { message: 'sleeper: Error: not caught' })
})

test('a missing program is an error of the start', async (t) => {
  const { keeper } = keep(t, () => [], {
    spec: () => ({ label: 'nothing', command: '/no/such/program', args: [], environment: {}, channel: false }),
  })
  await t.throwsAsync(keeper.start(), { message: /nothing: \/no\/such\/program could not be run/ })
})

test('a failed restart is retried until it works', async (t) => {
  let manners: string[] = []
  const { keeper, lives } = keep(t, () => manners)
  await keeper.start()
  manners = ['fails']
  keeper.signal('SIGKILL')
  await until(() => seen(lives).filter((at) => at === 'down').length === 2, { deadlineMs: 60_000, what: 'a failure' })
  manners = []
  await until(() => lives.at(-1)?.at === 'up', { deadlineMs: 60_000, what: 'the process to be back' })
  const last = lives.at(-1)
  t.true(last?.at === 'up' && (last.downForMs ?? 0) > 500, 'the failed start is part of the same absence')
})

test('a process that is stopped is not started again', async (t) => {
  const { keeper, lives } = keep(t, () => [], { restartAfterMs: 0 })
  await keeper.start()
  const pid = keeper.pid ?? 0
  await keeper.stop()
  t.is(await runState(pid), 'gone')
  t.deepEqual(seen(lives), ['starting', 'up', 'down'])
  await t.throwsAsync(keeper.start(), { message: /the lab is stopping/ })
})

test('a process that ignores SIGTERM is stopped all the same', async (t) => {
  const { keeper } = keep(t, () => ['ignores-term'])
  await keeper.start()
  const pid = keeper.pid ?? 0
  await keeper.stop()
  t.is(await runState(pid), 'gone')
})

test('a process that is paused is stopped all the same', async (t) => {
  const { keeper } = keep(t)
  await keeper.start()
  const pid = keeper.pid ?? 0
  keeper.signal('SIGSTOP')
  await until(async () => (await runState(pid)) === 'stopped', { deadlineMs: 60_000, what: 'the pause' })
  await keeper.stop()
  t.is(await runState(pid), 'gone')
})

test("a process' output is logged, and each line is passed on", async (t) => {
  const { keeper, lines, processContext } = keep(t, () => ['talks'])
  await keeper.start()
  await until(() => lines.length === 2, { deadlineMs: 60_000, what: 'both lines' })
  t.deepEqual(lines, ['{"level":30,"event":"listening","port":1}', 'plain words'])
  const log = `${processContext.directory}/sleeper.log`
  t.true(existsSync(log))
  t.is(readFileSync(log, 'utf8'), `${lines.join('\n')}\n`)
})
