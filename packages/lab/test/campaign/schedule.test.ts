/** `prove --schedule operations`: a seed decides which faults come, on what, and at which operation. */
import { existsSync, readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { decodeTrace } from '@ninelives/history'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const flags = [
  '--schedule',
  'operations',
  '--rate',
  '60',
  '--users',
  '12',
  '--kills',
  '4',
  '--faults',
  'kill,pause,stall',
]

async function faultsOf(t: ExecutionContext, seed: number): Promise<string[]> {
  const directory = scratch(t)
  const command = run(t, ['prove', ...flags, '--seed', String(seed), '--logs', directory])
  await command.exited
  t.is(command.output.stderr, '')
  const { events } = decodeTrace(readFileSync(`${directory}/trace.ndjson`, 'utf8'))
  return events.flatMap((event) => (event.type === 'fault-injected' ? [`${event.kind} of ${event.target}`] : []))
}

test.serial('two runs of one seed break the same, in the same order', async (t) => {
  const [first, second] = await Promise.all([faultsOf(t, 5), faultsOf(t, 5)])
  t.is(first.length, 4)
  t.deepEqual(second, first)
})

test.serial('--repeat makes the same run several times, and says how alike they were', async (t) => {
  const directory = scratch(t)
  const few = ['--strategy', 'sticky', '--nodes', '2', '--rate', '60', '--users', '12', '--kills', '2', '--tabs', '1']
  const args = ['prove', '--schedule', 'operations', ...few, '--seed', '5', '--logs', directory, '--repeat', '2']
  const command = run(t, args)
  t.is(await command.exited, 1, command.output.stderr)
  const { stdout } = command.output
  t.regex(stdout, /broke the same, in this order +2 of 2: kill of [ab], kill of [ab]\n/)
  t.regex(stdout, /came to the same verdict +2 of 2: invalid\n/)
  t.regex(stdout, /found lost-session +2 of 2, \d+( to \d+)? times\n/)
  for (const name of ['run-1', 'run-2']) t.true(existsSync(`${directory}/${name}/trace.ndjson`))
})

test('what is written for one run does not go with --repeat', async (t) => {
  const command = run(t, ['prove', '--repeat', '2', '--junit', 'x.xml'])
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, /--repeat takes no --junit, which is of one run/)
})

test('what can not run is told once, before the first run of a series', async (t) => {
  const directory = scratch(t)
  const refused = [
    [['--faults', 'flood'], /--faults takes .*, not "flood"/],
    [['--strategy', 'sticky', '--faults', 'kill@store'], /--faults kill@store needs a store server/],
    [['--compare', 'a', 'b'], /--compare takes no --repeat/],
  ] as const
  for (const [flags, message] of refused) {
    const { exited, output } = run(t, ['prove', '--repeat', '2', '--logs', `${directory}/series`, ...flags])
    t.is(await exited, 2, output.stderr)
    t.regex(output.stderr, message)
    t.is(output.stdout, '')
  }
  t.false(existsSync(`${directory}/series`))
})

test('it needs a rate, since operations are counted by it', async (t) => {
  const command = run(t, ['prove', '--schedule', 'operations'])
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, /--schedule operations needs --rate N/)
})
