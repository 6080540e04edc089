/**
 * How often the gate's comparison sees a difference where there is none: the present programs beside themselves, again and again.
 * Its interval says that it happens at most once in twenty.
 */
import { parseArgs } from 'node:util'
import { ownPrograms } from '@ninelives/lab'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { environment } from '../harness/environment.ts'
import { seedFrom, wholeNumber } from '../harness/command/flags.ts'
import { type Estimate, seededRandom } from '../harness/statistics.ts'
import { interval } from '../harness/command/table.ts'
import { compare } from './comparison.ts'
import { GATE_BLOCKS, strategyNamed } from './index.ts'

const HELP = `node bench/gate/again.ts [--tries N] [--blocks N] [--strategy NAME] [--seed N]

Compares the programs of this folder with themselves, and counts how often the interval leaves out 1.
`

export function leavesOutOne({ low, high }: Estimate): boolean {
  return low > 1 || high < 1
}

async function main(args: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const
  const flags = { tries: text, blocks: text, strategy: text, seed: text, help: { type: 'boolean' } } as const
  const { values } = parseArgs({ args: [...args], options: flags })
  if (values.help === true) return say(HELP)
  const tries = wholeNumber('--tries', values.tries, 20)
  const blocks = wholeNumber('--blocks', values.blocks, GATE_BLOCKS)
  const strategy = strategyNamed(values.strategy ?? 'sticky')
  const seed = seedFrom(values.seed)
  const random = seededRandom(seed)
  say(
    `${tries} comparisons of ${blocks} blocks, ${strategy.name}, seed ${seed}, load ${environment(undefined, {}).loadBefore}`,
  )
  const seen = { cpu: 0, p50: 0 }
  for (let each = 1; each <= tries; each++) {
    const onBlock = (done: number): void => progress(`try ${each} of ${tries}, block ${done} of ${blocks}`)
    const programs = ownPrograms()
    const { cpu, p50 } = await compare({ strategy, base: programs, head: programs, blocks, random, onBlock })
    if (leavesOutOne(cpu)) seen.cpu++
    if (leavesOutOne(p50)) seen.p50++
    say(`${String(each).padStart(3)}  CPU × ${interval(cpu, 3)}  p50 × ${interval(p50, 3)}`)
  }
  say(`\n1 was left out by CPU time in ${seen.cpu} of ${tries} tries, by median latency in ${seen.p50}`)
}

if (import.meta.main) benchMain(main)
