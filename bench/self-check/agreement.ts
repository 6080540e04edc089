/**
 * Whether autocannon and the lab's own HTTP client measure the same latency. Both serve the same kind of users at once, on the same
 * healthy cluster, so that whatever the machine does in a block, it does to both.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findStrategy, flagsHelp, integerFlag, parseFlags } from '@ninelives/lab'
import { contestantOf, openCluster } from '../harness/cluster-under-test.ts'
import { benchMain, progress, say } from '../harness/command/command.ts'
import { seedFlag } from '../harness/command/flags.ts'
import { aligned, interval } from '../harness/command/table.ts'
import { finding, ratio } from '../harness/statistics.ts'
import { type HealthyMeasured, openHealthy, warmUp } from '../strategies/healthy/index.ts'

/** Of each load, before the first block. */
const WARM_UP_REQUESTS = 15_000

const FLAGS = {
  blocks: integerFlag({ min: 1, max: 100 }, { placeholder: 'N', help: 'of two seconds (12)', otherwise: 12 }),
  users: integerFlag({ min: 1, max: 50 }, { placeholder: 'N', help: 'of each of the two (4)', otherwise: 4 }),
  seed: seedFlag,
}
const BLOCK_S = 2

benchMain(async (args) => {
  const options = parseFlags('agreement', FLAGS, args)
  if (options === 'help') return say(flagsHelp(FLAGS))
  const { blocks, users, seed } = options
  const strategy = findStrategy('sticky')
  if (strategy === undefined) throw new Error('there is a strategy sticky')
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-bench-'))
  const wishes = { nodes: 3, users: 0, rate: 1, seed, restartAfterMs: 500, directory }
  const cluster = await openCluster(contestantOf(strategy), wishes)
  try {
    const open = (via: 'autocannon' | 'lab') => openHealthy({ url: cluster.url, users, seed, via })
    const loads = await Promise.all([open('autocannon'), open('lab')])
    await Promise.all(loads.map((load) => warmUp(load, WARM_UP_REQUESTS)))
    const found: HealthyMeasured[][] = []
    while (found.length < blocks) {
      progress(`block ${found.length + 1} of ${blocks}`)
      found.push(await Promise.all(loads.map((load) => load.measure(BLOCK_S))))
    }
    for (const load of loads) load.close()
    const rows = (['p50Ms', 'p99Ms'] as const).map((figure) => {
      const [autocannon, lab] = [0, 1].map((which) => found.map((block) => block[which]?.[figure] ?? Number.NaN))
      const times = ratio(autocannon ?? [], lab ?? [])
      return [figure, interval(times, 3), finding(times)]
    })
    say(`\n${aligned([['', "autocannon over the lab's client", ''], ...rows], 2)}`)
  } finally {
    await cluster.stop()
    rmSync(directory, { recursive: true, force: true })
  }
})
