/** A real cluster, killed at each instant of each operation. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { type Atlas, type Cell, rowOf, textOf } from '../../src/atlas/chart.ts'
import { Explorer } from '../../src/atlas/explore.ts'
import type { Operation } from '../../src/atlas/operations.ts'
import { ownPrograms } from '../../src/cluster/programs.ts'
import { until } from '../../src/wait.ts'
import { family, run, untilGone } from '../fixtures/command.ts'
import { fixture, scratch, startedLab } from '../fixtures/open-lab.ts'

test.serial('the atlas of a sticky strategy shows what each crash costs', async (t) => {
  const directory = scratch(t)
  const command = run(t, ['atlas', '--strategy', 'sticky', '--json', '--logs', directory, '--seed', '3'])
  t.is(await command.exited, 0, command.output.stderr)
  const atlas = JSON.parse(command.output.stdout) as Atlas
  t.deepEqual(JSON.parse(readFileSync(`${directory}/atlas.json`, 'utf8')), atlas)
  t.like(atlas, { schema: 1, seed: 3 })
  t.deepEqual(
    atlas.charts.map(({ strategy, cells }) => [strategy, cells.length]),
    [['sticky', 28]],
  )

  const cells = atlas.charts[0]?.cells ?? []
  const at = (operation: string, point: string): Cell | undefined =>
    cells.find((cell) => cell.operation === operation && cell.point === point)
  for (const point of ['before-read', 'before-commit', 'after-commit', 'after-response']) {
    t.deepEqual(at('put', point)?.lost, ['lost-session'], point)
    t.deepEqual(at('count', point)?.lost, ['lost-session'], point)
  }
  t.deepEqual(at('move', 'before-commit')?.lost, ['lost-session'])
  // What was there before the login is gone; the login itself is sent again and comes about on another node.
  t.is(at('login', 'after-commit')?.answer?.outcome, 'ok')
  t.is(at('login', 'after-commit')?.done, 1)
  t.not(at('login', 'after-commit')?.answer?.by, undefined)
  for (const point of ['before-read', 'before-commit', 'after-commit', 'after-response'])
    t.is(textOf(at('logout', point)), 'ok', `who leaves loses nothing: ${point}`)
  const notPassed = cells.filter(({ state }) => state === 'not-passed')
  t.deepEqual(
    notPassed.map(({ operation, point }) => `${operation} ${point}`),
    ['read before-commit', 'read after-commit', 'move before-read'],
  )
  t.is(cells.filter(({ state }) => state === 'landed').length, 25)
})

test.serial('Ctrl-C ends it, and leaves nothing behind', async (t) => {
  const command = run(t, ['atlas', '--strategy', 'sticky', '--logs', scratch(t)])
  await until(() => /login/.test(command.output.stdout), { deadlineMs: 60_000, what: 'the first row' })
  const pids = family(command.pid)
  t.true(pids.length > 4)
  command.process.kill('SIGINT')
  t.is(await command.exited, 130)
  t.regex(command.output.stdout, /Interrupted\. /)
  await untilGone(pids)
})

test('a node that ends for another reason shows nothing about its crash', async (t) => {
  const programs = { ...ownPrograms(), node: fixture('doomed-node'), balancer: fixture('balancer') }
  const lab = await startedLab(t, { restartAfterMs: 50, programs })
  const enough = new AbortController()
  lab.trace.listen(({ type }) => type === 'fault-failed' && enough.abort())
  const explorer = new Explorer(lab, { routing: 'round-robin' }, enough.signal)
  t.teardown(() => explorer.close())
  const read: Operation = {
    name: 'read',
    route: 'GET /api/cart',
    prepare: () => Promise.resolve(true),
    run: (customer) => customer.read(),
    done: () => 0,
  }
  t.is((await explorer.explore(read, 'before-read')).state, 'missed')
})

const landed: Cell = { operation: 'put', point: 'before-commit', state: 'landed', done: 0, lost: [] }

test('a cell says what its customer saw', (t) => {
  t.is(textOf({ ...landed, answer: { outcome: 'ok' }, done: 1 }), 'ok')
  t.is(textOf({ ...landed, answer: { outcome: 'unknown' } }), 'error, not done')
  t.is(textOf({ ...landed, answer: { outcome: 'unknown' }, done: 1 }), 'error, done')
  t.is(textOf({ ...landed, answer: { outcome: 'ok' }, lost: ['lost-write', 'duplicate'] }), 'lost-write and more')
  t.is(textOf({ ...landed, state: 'not-passed' }), '-')
  t.is(textOf({ ...landed, state: 'not-reached' }), 'lost without a crash')
  t.is(textOf({ ...landed, state: 'missed' }), '?')
  t.regex(rowOf('put', [{ ...landed, answer: { outcome: 'ok' } }]), /^put {20,}.*ok\n$/)
})

test('an unknown strategy is refused', async (t) => {
  const command = run(t, ['atlas', '--strategy', 'wishful'])
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, /--strategy takes .*replicated.* or all, not "wishful"/)
})
