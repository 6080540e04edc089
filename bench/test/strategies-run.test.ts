/** A run of `npm run bench` on the disk: where it is kept, and how it is gone on with. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '@ninelives/lab'
import test, { type ExecutionContext } from 'ava'
import { readStrategiesOptions } from '../strategies/options.ts'
import { beginRun, headOf, keptBlocks, refuseOtherPrograms, seedOf } from '../strategies/run.ts'
import { blocks, ENVIRONMENT, head, NOW } from './fixtures/strategies-blocks.ts'

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'ninelives-bench-test-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('where nothing can be written, nothing is measured', (t) => {
  const file = join(directory(t), 'file')
  appendFileSync(file, '')
  t.throws(() => beginRun(head('--out', file)), { message: /can't write to .*no directory/ })
  t.throws(() => beginRun(head('--out', '/proc/nowhere/run')), {
    message: /can't write to \/proc\/nowhere\/run .*--out/,
  })
})

test('a run is gone on with from its whole blocks, under its own options and seed', (t) => {
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

test('a run is not gone on with by other programs or under other flags', (t) => {
  const out = directory(t)
  const begun = head('--out', out, '--kills', '3')
  beginRun(begun)
  t.notThrows(() => refuseOtherPrograms(begun, ENVIRONMENT))
  t.throws(() => refuseOtherPrograms(begun, { ...ENVIRONMENT, commit: 'd' }), { message: /commit c, and here it is d/ })
  t.throws(() => refuseOtherPrograms(begun, { ...ENVIRONMENT, cores: 4 }), { message: /cores 2, and here it is 4/ })
  appendFileSync(join(out, 'blocks.ndjson'), `${JSON.stringify(blocks(1)[0])}\n`)
  t.notThrows(() => refuseOtherPrograms(begun, { ...ENVIRONMENT, commit: 'd' }), 'nothing is left to be measured')
  t.throws(() => readStrategiesOptions(['--resume', out, '--kills', '5'], NOW), { message: /'--kills' does not go/ })
  t.throws(() => readStrategiesOptions(['--resume', out, 'more'], NOW), { message: /'more' does not go/ })
  t.throws(() => readStrategiesOptions(['--compare', 'a', 'b', 'c'], NOW), { message: /'c' does not go/ })
  t.deepEqual(readStrategiesOptions(['--compare', 'a', 'b'], NOW), { to: 'compare', base: 'a', other: 'b' })
})

test('files of a run that were spoiled are named', (t) => {
  const out = directory(t)
  writeFileSync(join(out, 'run.json'), '{bad')
  t.throws(() => headOf(out), { instanceOf: UsageError, message: /run\.json can't be read/ })
  writeFileSync(join(out, 'run.json'), '{}')
  t.throws(() => headOf(out), { instanceOf: UsageError, message: /is not how this bench begins/ })
  writeFileSync(join(out, 'blocks.ndjson'), '{}\nbad\n{}\n')
  t.throws(() => keptBlocks(out), { instanceOf: UsageError, message: /line 2 can't be read/ })
})

test('the same seed gives each turn the same, whatever else is run', (t) => {
  t.is(seedOf(5, 'half-and-half', 1, 'sticky'), seedOf(5, 'half-and-half', 1, 'sticky'))
  const seeds = [5, 6].flatMap((seed) =>
    [1, 2].flatMap((block) => ['sticky', 'sticky-again'].map((name) => seedOf(seed, 'half-and-half', block, name))),
  )
  t.is(new Set(seeds).size, 8)
})
