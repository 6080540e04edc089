/** `prove --schedule operations`: a seed decides which faults come, on what, and at which operation. */
import { readFileSync } from 'node:fs'
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
  const first = await faultsOf(t, 5)
  t.is(first.length, 4)
  t.deepEqual(await faultsOf(t, 5), first)
})

test('it needs a rate, since operations are counted by it', async (t) => {
  const command = run(t, ['prove', '--schedule', 'operations'])
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, /--schedule operations needs --rate N/)
})
