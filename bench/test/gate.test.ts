/** The gate: its interval is as sure as it says, it says no only to what it saw twice, and the other commit runs on its own packages. */
import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { leavesOutOne } from '../gate/again.ts'
import { git, openBaseTree } from '../gate/base-tree.ts'
import { coverage, exactInterval } from '../gate/exact-interval.ts'
import { gate, opinion } from '../gate/index.ts'
import type { Estimate } from '../harness/statistics.ts'
import { seededRandom } from '../harness/statistics.ts'

function between(low: number, high: number): Estimate {
  return { median: (low + high) / 2, low, high, blocks: 8 }
}

test('the median lies between the outermost of so many blocks this surely', (t) => {
  t.is(coverage(6, 0), 1 - 2 / 64)
  t.is(coverage(8, 1), 1 - 18 / 256)
  t.is(coverage(9, 1), 1 - 20 / 512)
})

test('blocks are left out at both ends as long as the interval stays sure', (t) => {
  t.deepEqual(exactInterval([3, 1, 2, 6, 5, 4]), { median: 3.5, low: 1, high: 6, blocks: 6 })
  t.deepEqual(exactInterval([1, 2, 3, 4, 5, 6, 7, 80]), { median: 4.5, low: 1, high: 80, blocks: 8 })
  t.deepEqual(exactInterval([0, 2, 3, 4, 5, 6, 7, 8, 90]), { median: 5, low: 2, high: 8, blocks: 9 })
})

test('of a thousand comparisons of equals, hardly one in twenty leaves out 1', (t) => {
  const random = seededRandom(1)
  const tries = Array.from({ length: 1_000 }, () =>
    exactInterval(Array.from({ length: 8 }, () => Math.exp((random() - 0.5) * random()))),
  )
  t.true(tries.filter((each) => leavesOutOne(each)).length <= 50)
})

test('it fails only when the whole interval is beyond the margin, twice', (t) => {
  t.is(opinion(between(0.9, 1.3), undefined, 1.1), 'no slower')
  t.is(opinion(between(1.05, 1.3), undefined, 1.1), 'no slower')
  t.is(opinion(between(1.15, 1.3), between(1.0, 1.3), 1.1), 'slower, and not again')
  t.is(opinion(between(1.15, 1.3), between(1.12, 1.3), 1.1), 'slower')
})

test('what it can’t work with, it says', async (t) => {
  await t.throwsAsync(gate(['--base', 'no-such-commit']), {
    message: /^--base is 'no-such-commit', and takes a commit/,
  })
  await t.throwsAsync(gate(['--blocks', '5']), { message: '--blocks is 5, and takes 6 or more' })
  await t.throwsAsync(gate(['--strategy', 'none']), { message: /^--strategy is 'none', and takes replicated, / })
  await t.throwsAsync(gate(['--margins', '5']), { message: /--gate --help says what there is$/ })
})

test('another commit’s programs run on that commit’s packages, and nothing is left of them', (t) => {
  if (git('rev-parse', 'HEAD') === undefined) return void t.pass('there is no git here')
  const base = openBaseTree('HEAD')
  const { node } = base.programs
  try {
    t.true(existsSync(node))
    const source = "console.log(import.meta.resolve('@ninelives/sessions'))"
    const args = ['--input-type=module', '--eval', source]
    const resolved = execFileSync(process.execPath, args, { cwd: dirname(node), encoding: 'utf8' })
    const root = realpathSync(join(dirname(node), '../../..'))
    t.is(resolved.trim(), `file://${join(root, 'packages/sessions/src/index.ts')}`)
  } finally {
    base.close()
  }
  t.false(existsSync(node))
})
