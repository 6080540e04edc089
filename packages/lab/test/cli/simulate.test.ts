/** `ninelives simulate` as a process. What it simulates has tests of its own. */
import test from 'ava'
import { until } from '../../src/wait.ts'
import { run } from '../fixtures/command.ts'

test('seeds without a failure end with 0 and a summary', async (t) => {
  const command = run(t, ['simulate', '--seeds', '30', '--seed', '7'])
  t.is(await command.exited, 0)
  t.regex(command.output.stdout, /^Simulating 30 seeds from 7 on \.\.\.\n30 seeds in [\d.]+ s .*: none failed\n$/)
  t.is(command.output.stderr, '')
})

test('a failing seed is reduced, and the output says how to repeat it', async (t) => {
  const command = run(t, ['simulate', '--seeds', '40', '--variant', 'no-fence', '--nodes', '3', '--threads', '1'])
  t.is(await command.exited, 1)
  const { stdout } = command.output
  t.regex(stdout, /seed \d+: .*not linearizable/)
  t.regex(stdout, /faults and \d+ operations, cut down to 0 and \d:/)
  const [, seed] =
    /Again: npx ninelives simulate --seeds 1 --seed (\d+) --nodes 3 --variant no-fence\n$/.exec(stdout) ?? []
  const again = run(t, ['simulate', '--seeds', '1', '--seed', String(seed), '--nodes', '3', '--variant', 'no-fence'])
  t.is(await again.exited, 1)
  t.true(again.output.stdout.includes(`seed ${seed}: `))
})

for (const [args, line] of [
  [['--seeds', '0'], /--seeds takes 1 to 4294967296, not "0"/],
  [['--nodes', '8'], /--nodes takes 2 to 7, not "8"/],
  [['--copies', '0'], /--copies takes all, or 1 to 4, not "0"/],
  [['--variant', 'perfect'], /--variant takes ack-before-copy, .*, not "perfect"/],
] as const) {
  test(`refused: ${args.join(' ')}`, async (t) => {
    const command = run(t, ['simulate', ...args])
    t.is(await command.exited, 2)
    t.regex(command.output.stderr, line)
  })
}

test('stopped early, it prints what it has', async (t) => {
  const command = run(t, ['simulate', '--seeds', '1000000'])
  await until(() => command.output.stdout !== '', { deadlineMs: 60_000, what: 'it to begin' })
  command.process.kill('SIGTERM')
  t.is(await command.exited, 130)
  t.regex(command.output.stdout, /none failed\nEnded early: SIGTERM/)
})
