/** Variants of the engine, broken on purpose: the checkers of the simulation must notice each. */
import test from 'ava'
import { runBatch, variants } from '../../src/simulation/index.ts'

const SEEDS_MAX = 4_000
const SEEDS_A_STEP = 10
const LONG_MS = 600_000

for (const [variant, { breaks, resize }] of variants) {
  test(`caught: ${breaks} (${variant})`, async (t) => {
    t.timeout(LONG_MS)
    for (let from = 1; from <= SEEDS_MAX; from += SEEDS_A_STEP) {
      const [first] = (await runBatch({ from, count: SEEDS_A_STEP, variant, resize })).failing
      if (first !== undefined) {
        t.log(`it took ${first.seed} ${first.seed === 1 ? 'seed' : 'seeds'}: ${first.violations[0]}`)
        t.pass()
        return
      }
      // So that the runner hears of this process now and then.
      await new Promise((resolve) => setImmediate(resolve))
    }
    t.fail(`not noticed in ${SEEDS_MAX} seeds`)
  })
}
