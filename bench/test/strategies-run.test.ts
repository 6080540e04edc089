/** A run of `npm run bench` on disk: its files, and how it is resumed. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '@ninelives/lab'
import test, { type ExecutionContext } from 'ava'
import { planOf, readStrategiesOptions } from '../strategies/options.ts'
import {
  beginRun,
  type FoundBlock,
  headOf,
  keptBlocks,
  missingBlock,
  refuseOtherPrograms,
  seedOf,
} from '../strategies/run.ts'
import { blocks, ENVIRONMENT, head, NOW } from './fixtures/strategies-blocks.ts'

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'ninelives-bench-test-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('without a writable directory nothing is measured', (t) => {
  const file = join(directory(t), 'file')
  appendFileSync(file, '')
  t.throws(() => beginRun(head('--out', file)), { message: /can't write to .*no directory/ })
  t.throws(() => beginRun(head('--out', '/proc/nowhere/run')), {
    message: /can't write to \/proc\/nowhere\/run .*--out/,
  })
})

test('a resumed run keeps its complete blocks, its options and its seed', (t) => {
  const out = directory(t)
  const begun = head('--out', out)
  beginRun(begun)
  t.throws(() => beginRun(begun), { message: /--resume/ })
  t.deepEqual(headOf(out).options, begun.options)
  t.deepEqual(keptBlocks(out), [])
  const [block] = blocks(1)
  appendFileSync(join(out, 'blocks.ndjson'), `${JSON.stringify(block)}\n{"block":2,"scen`)
  t.deepEqual(
    keptBlocks(out).map(({ block: number }) => number),
    [1],
  )
  t.throws(() => headOf(join(out, 'nowhere')), { message: /no run/ })
})

test('a run is not resumed with other programs or flags', (t) => {
  const out = directory(t)
  const begun = head('--out', out, '--kills', '3')
  beginRun(begun)
  t.notThrows(() => refuseOtherPrograms(begun, ENVIRONMENT))
  t.throws(() => refuseOtherPrograms(begun, { ...ENVIRONMENT, commit: 'd' }), { message: /commit c, and here it is d/ })
  t.throws(() => refuseOtherPrograms(begun, { ...ENVIRONMENT, cores: 4 }), { message: /cores 2, and here it is 4/ })
  appendFileSync(join(out, 'blocks.ndjson'), `${JSON.stringify(blocks(1)[0])}\n`)
  t.notThrows(() => refuseOtherPrograms(begun, { ...ENVIRONMENT, commit: 'd' }), 'every block is there')
  t.throws(() => readStrategiesOptions(['--resume', out, '--kills', '5'], NOW), { message: /'--kills' does not go/ })
  t.throws(() => readStrategiesOptions(['--resume', out, 'more'], NOW), { message: /'more' does not go/ })
  t.throws(() => readStrategiesOptions(['--compare', 'a', 'b', 'c'], NOW), { message: /'c' does not go/ })
  t.deepEqual(readStrategiesOptions(['--compare', 'a', 'b'], NOW), { to: 'compare', base: 'a', other: 'b' })
})

test('another block follows for one that was disturbed, a third of the planned ones at most, and none in a quick run', (t) => {
  const { options } = head('--kills', '9')
  const [found] = blocks(1)
  if (found === undefined) throw new Error('no block')
  const next = (...found: FoundBlock[]): number | undefined => missingBlock(options, found)?.block
  const disturbed = (block: number): FoundBlock => {
    const turns = Object.entries(found.turns).map(([name, turn]) => [
      name,
      'failed' in turn ? turn : { ...turn, healthy: { ...turn.healthy, excluded: 'busy' } },
    ])
    return { ...found, block, turns: Object.fromEntries(turns) }
  }
  const calm = (block: number): FoundBlock => ({ ...found, block })
  t.is(next(), 1)
  t.is(next(calm(1), calm(3)), 2)
  t.is(next(calm(1), calm(2), calm(3)), undefined)
  t.is(next(calm(1), disturbed(2), calm(3)), 4)
  t.is(next(disturbed(1), disturbed(2), disturbed(3), disturbed(4)), undefined)
  t.is(planOf(options, 4).kills, 3)
  t.is(missingBlock(head('--quick').options, [disturbed(1)]), undefined)
})

test('an error names the damaged file of a run', (t) => {
  const out = directory(t)
  writeFileSync(join(out, 'run.json'), '{bad')
  t.throws(() => headOf(out), { instanceOf: UsageError, message: /run\.json can't be read/ })
  writeFileSync(join(out, 'run.json'), '{}')
  t.throws(() => headOf(out), { instanceOf: UsageError, message: /is not the beginning of a run/ })
  writeFileSync(join(out, 'blocks.ndjson'), '{}\nbad\n{}\n')
  t.throws(() => keptBlocks(out), { instanceOf: UsageError, message: /line 2 can't be read/ })
})

test('the seed of a turn does not depend on the other turns', (t) => {
  t.is(seedOf(5, 'half-and-half', 1, 'sticky'), seedOf(5, 'half-and-half', 1, 'sticky'))
  const seeds = [5, 6].flatMap((seed) =>
    [1, 2].flatMap((block) => ['sticky', 'sticky-again'].map((name) => seedOf(seed, 'half-and-half', block, name))),
  )
  t.is(new Set(seeds).size, 8)
})
