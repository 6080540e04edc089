/** Runs the cells that are missing. Each is written to disk as it ends, so that an interrupted matrix continues with the next one. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { requireRoom, UsageError } from '@ninelives/lab'
import { makeOut } from '../harness/command/out-directory.ts'
import { environment } from '../harness/environment.ts'
import { installPeers, packageVersions } from '../harness/peers.ts'
import { seedOf, timeText } from '../strategies/run.ts'
import { runCell, whyImpossible } from './cell.ts'
import { columns } from './columns.ts'
import { type Cell, type Matrix, MATRIX_SCHEMA } from './result.ts'
import type { MatrixRun } from './options.ts'
import { rows } from './rows.ts'

const HEAD_FILE = 'matrix-run.json'
const CELLS_FILE = 'cells.ndjson'
/** A trace of a cell, far more than one takes. */
const ROOM_MIN_BYTES = 256 * 1024 * 1024

type Head = Omit<Matrix, 'cells'>

export async function beginMatrix({ out, ...options }: MatrixRun, say: (text: string) => void): Promise<Head> {
  if (existsSync(join(out, HEAD_FILE)))
    throw new UsageError(`${out} holds a matrix already: continue it with --matrix --resume ${out}`)
  makeOut(out)
  const chosen = rows().filter(({ name }) => options.rows.includes(name))
  if (chosen.some(({ installed, missing }) => installed && missing === undefined)) await installPeers(say)
  const head: Head = {
    schema: MATRIX_SCHEMA,
    bench: 'matrix',
    startedAt: new Date().toISOString(),
    environment: environment(undefined, packageVersions(chosen)),
    options,
    rows: chosen.map(({ name, title, role }) => ({ name, title, role })),
  }
  writeFileSync(join(out, HEAD_FILE), `${JSON.stringify(head)}\n`)
  return head
}

export function begunMatrix(out: string): Head {
  const path = join(out, HEAD_FILE)
  if (!existsSync(path)) throw new UsageError(`there is no matrix in ${out}: it has no ${HEAD_FILE}`)
  return JSON.parse(readFileSync(path, 'utf8')) as Head
}

/** A last line without a newline is an incomplete cell. */
export function keptCells(out: string): Cell[] {
  const path = join(out, CELLS_FILE)
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole !== text) writeFileSync(path, whole)
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Cell)
}

/** Column by column, so that an interrupted matrix compares all contestants. Rejects with LabError if the disk has no room for traces. */
export async function runMatrix(
  head: Head,
  out: string,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<Matrix> {
  requireRoom(tmpdir(), ROOM_MIN_BYTES, 'set TMPDIR to a directory on another disk')
  const cells = keptCells(out)
  const contestants = rows().filter(({ name }) => head.options.rows.includes(name))
  const planned = columns
    .filter(({ name }) => head.options.columns.includes(name))
    .flatMap((column) => contestants.map((contestant) => ({ column, contestant })))
  const isKept = ({ column, contestant }: (typeof planned)[number]): boolean =>
    cells.some((cell) => cell.row === contestant.name && cell.column === column.name)
  const left = planned.filter((each) => !isKept(each))
  const beganMs = performance.now()
  let [ran, toRun] = [
    0,
    left.filter((each) => whyImpossible(each.contestant, each.column, head.options) === undefined).length,
  ]
  for (const { column, contestant } of left) {
    const everyMs = (performance.now() - beganMs) / ran
    const togo = ran === 0 ? '' : `, about ${timeText(everyMs * toRun)} to go`
    say(`cell ${cells.length + 1} of ${planned.length}: ${contestant.name}, ${column.name}${togo}`)
    const seed = seedOf(head.options.seed, 'matrix', column.name, contestant.name)
    const cell = await runCell(contestant, column, head.options, seed, signal)
    if (!('impossible' in cell)) [ran, toRun] = [ran + 1, toRun - 1]
    cells.push(cell)
    appendFileSync(join(out, CELLS_FILE), `${JSON.stringify(cell)}\n`)
  }
  return { ...head, cells }
}
