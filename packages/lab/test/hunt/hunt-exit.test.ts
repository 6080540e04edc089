/** What a hunt that goes on exits with, by the runs of its log. Its clock runs out before it begins another run. */
import { writeFileSync } from 'node:fs'
import test from 'ava'
import { drawRound } from '../../src/hunt/round.ts'
import { groundOfStore } from '../../src/hunt/grounds.ts'
import { run } from '../fixtures/command.ts'
import { scratch } from '../fixtures/open-lab.ts'

const SEED = 4
const round = drawRound(
  [groundOfStore('./my-store.ts')],
  { faults: undefined, nodes: undefined, rate: undefined },
  7,
  3,
)
const minutesPass = 'let minutes = 0; performance.now = () => minutes++ * 60_000'

const exits = test.macro(async (t, verdicts: readonly string[], code: number) => {
  const directory = scratch(t)
  const done = verdicts.map((verdict) => ({ round, verdict, anomalies: [], landed: 1, operations: 1 }))
  const lines = [{ schema: 1, seed: SEED }, ...done].map((line) => `${JSON.stringify(line)}\n`)
  writeFileSync(`${directory}/hunt.ndjson`, lines.join(''))
  const command = run(t, ['prove', '--hunt', '1', '--store', './my-store.ts', '--logs', directory], {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(minutesPass)}`,
  })
  t.is(await command.exited, code, command.output.stdout + command.output.stderr)
  t.regex(command.output.stdout, new RegExp(`Hunting for 1 minute, seed 4, after ${verdicts.length} runs? before`))
})

test('no run came to a verdict', exits, ['unknown', 'failed', 'unknown'], 3)
test('all runs failed', exits, ['failed'], 3)
test('one run is valid, and none invalid', exits, ['unknown', 'valid', 'failed'], 0)
test('an earlier part of the hunt found an anomaly', exits, ['valid', 'invalid', 'unknown'], 1)
