/** `prove --hunt`: it finds what is broken, shrinks it, and can be interrupted. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import type { Outcome } from '../../src/hunt/prove-process.ts'
import { commandOf, drawRound, type Round } from '../../src/hunt/round.ts'
import { groundOfStore } from '../../src/hunt/grounds.ts'
import { shrink } from '../../src/hunt/shrink.ts'
import { until } from '../../src/wait.ts'
import { type Command, run } from '../fixtures/command.ts'
import { brokenStore } from '../fixtures/judged-shop.ts'
import { scratch } from '../fixtures/open-lab.ts'

const free = { faults: undefined, nodes: undefined, rate: undefined }

function outcome(anomalies: readonly string[]): Outcome {
  return { verdict: 'valid', anomalies, landed: 1, operations: 1 }
}

function says({ output }: Command, pattern: RegExp): Promise<void> {
  return until(() => pattern.test(output.stdout), { deadlineMs: 400_000, what: String(pattern) })
}

test('a hunt finds what a broken store loses, and an interrupt leaves the command and what was covered', async (t) => {
  t.timeout(500_000)
  const directory = scratch(t)
  const flags = ['--hunt', '5', '--seed', '3', '--nodes', '1', '--faults', 'stall', '--logs', directory]
  const command = run(t, ['prove', ...flags, '--store', brokenStore('dropped-writes')])
  await says(command, /Found [\w, -]*lost-write.*, by\n\n {2}npx ninelives prove .*dropped-writes\.ts/)
  command.process.kill('SIGINT')
  t.is(await command.exited, 130, command.output.stderr)
  t.regex(command.output.stdout, /covered +runs +valid +invalid/)
  const [header, first] = readFileSync(`${directory}/hunt.ndjson`, 'utf8').split('\n')
  t.like(JSON.parse(header ?? ''), { seed: 3 })
  t.like(JSON.parse(first ?? ''), { verdict: 'invalid', round: { nodes: 1, faults: ['stall'] } })
})

test('an interrupted hunt says how it goes on', async (t) => {
  const directory = scratch(t)
  const command = run(t, ['prove', '--hunt', '5', '--strategy', 'replicated', '--seed', '4', '--logs', directory])
  await says(command, /Hunting for 5 minutes, seed 4/)
  command.process.kill('SIGINT')
  t.is(await command.exited, 130, command.output.stderr)
  t.regex(command.output.stdout, /Interrupted\. It goes on with --hunt 5 --logs /)
})

test('what a hunt draws by itself is refused as a flag', async (t) => {
  const command = run(t, ['prove', '--hunt', '5', '--kills', '3'])
  t.is(await command.exited, 2)
  t.regex(command.output.stderr, /--hunt takes no --kills: it takes strategy/)
})

test('a seed and a number draw the same round each time, and a command that has all of it', (t) => {
  const grounds = [groundOfStore('./my-store.ts')]
  const round = drawRound(grounds, free, 7, 3)
  t.deepEqual(drawRound(grounds, free, 7, 3), round)
  t.notDeepEqual(drawRound(grounds, free, 7, 4), round)
  const command = commandOf(round)
  for (const part of [`--seed ${round.seed}`, `--kills ${round.kills}`, '--store ./my-store.ts'])
    t.true(command.includes(part), command)
})

test('a run is shrunk to what still shows the anomaly', async (t) => {
  const found: Round = {
    ...drawRound([groundOfStore('./my-store.ts')], free, 7, 3),
    faults: ['pause', 'kill', 'stall', 'drain'],
    kills: 8,
    overlap: 2,
    tabs: 3,
  }
  const seen: Round[] = []
  const simplest = await shrink(found, ['lost-write'], {
    run: ({ faults, kills }) => Promise.resolve(outcome(faults.includes('kill') && kills >= 2 ? ['lost-write'] : [])),
    nodesMin: 1,
    onSimpler: (round) => seen.push(round),
  })
  t.deepEqual([simplest.faults, simplest.kills, simplest.overlap, simplest.tabs], [['kill'], 2, 1, 1])
  t.true(seen.length > 3)
})
