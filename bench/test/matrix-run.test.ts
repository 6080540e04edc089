/** Cells of the matrix, with real clusters. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { readMatrixOptions } from '../matrix/options.ts'
import { outcomesOf } from '../matrix/result.ts'
import { beginMatrix, begunMatrix, keptCells, runMatrix } from '../matrix/run.ts'

const untold = (): void => undefined

test('a matrix that is interrupted continues with the cells that it lacks', async (t) => {
  const out = join(mkdtempSync(join(tmpdir(), 'ninelives-matrix-test-')), 'out')
  t.teardown(() => rmSync(join(out, '..'), { recursive: true, force: true }))
  const flags = [
    '--rows',
    'replicated,memory',
    '--columns',
    'kill,store-kill',
    '--kills',
    '1',
    '--seed',
    '5',
    '--out',
    out,
  ]
  const asked = readMatrixOptions(['--matrix', ...flags], new Date())
  if (asked.to !== 'run') throw new Error('it is to run')
  const head = await beginMatrix(asked.run, untold)
  await t.throwsAsync(beginMatrix(asked.run, untold), { message: /--resume/ })

  const stop = new AbortController()
  const stopAtSecond = (text: string): void => {
    if (text.startsWith('cell 2 ')) stop.abort(new Error('stopped'))
  }
  await t.throwsAsync(runMatrix(head, out, stop.signal, stopAtSecond), { message: 'stopped' })
  t.deepEqual(
    keptCells(out).map(({ row, column }) => `${row} ${column}`),
    ['replicated kill'],
  )
  const { cells } = await runMatrix(begunMatrix(out), out, new AbortController().signal, untold)
  t.deepEqual(
    cells.map(({ row, column }) => `${row} ${column}`),
    ['replicated kill', 'memory kill', 'replicated store-kill', 'memory store-kill'],
  )
  const [replicated, memory, ...others] = cells.map((cell) => outcomesOf(cell))
  t.false(replicated?.includes('lost'))
  t.is(memory?.[0], 'lost')
  t.deepEqual(others, [['impossible'], ['impossible']])
})
