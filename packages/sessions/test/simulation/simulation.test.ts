/**
 * The engine of the mesh under thousands of seeds. They are always the same ones, so that this fails for the change that
 * broke something; other seeds are run with `npx ninelives simulate --seeds N --seed S`.
 */
import test from 'ava'
import { explain, simulateSeeds } from '../../src/simulation/index.ts'

const FROM = 1
const SEEDS = 3_000
const LONG_MS = 600_000

test('what clients saw can be explained, and all copies end the same, for every seed', async (t) => {
  t.timeout(LONG_MS)
  const { seeds, operations, messages, failing } = await simulateSeeds({ from: FROM, count: SEEDS, failingMax: 1 })
  const [first] = failing
  t.is(first, undefined, first && (await explain(first.seed)))
  t.is(seeds, SEEDS)
  t.log(`${seeds} seeds from ${FROM} on, ${operations} operations, ${messages} messages`)
})

const RESIZING_SEEDS = 600

test('members come and go, and what clients saw can be explained, for every seed', async (t) => {
  t.timeout(LONG_MS)
  const result = await simulateSeeds({ from: FROM, count: RESIZING_SEEDS, failingMax: 1, resize: true })
  const [first] = result.failing
  t.is(first, undefined, first && (await explain(first.seed, { resize: true })))
  t.is(result.seeds, RESIZING_SEEDS)
  t.log(`${result.seeds} seeds from ${FROM} on, ${result.operations} operations, ${result.messages} messages`)
})

/** Found later, each with a defect that is mended. */
const FOUND = [
  // A view made one member joining and dropped another, whose link stood; the only full one left died right after.
  { seed: 5_005_179, resize: false },
  // The founders restarted and met a removed node. By its old view they were all there was, and founded a mesh beside the added node that had all.
  { seed: 5_003_452, resize: true },
  // A member was removed while a write waited for all copies: all of the remaining ones had it, and the answer was "unknown".
  { seed: 5_001_881, resize: true },
]

for (const { seed, resize } of FOUND) {
  test(`seed ${seed} stays mended`, async (t) => {
    const { failing } = await simulateSeeds({ from: seed, count: 1, failingMax: 1, resize })
    t.is(failing[0], undefined, failing[0] && (await explain(seed, { resize })))
  })
}
