/** What the matrix says to a reader who decides, in a few sentences that are made from its counts. */
import type { Cell, CellFound, Matrix } from './result.ts'
import { boundOf, outcomesOf, timesOf } from './result.ts'

/** Columns in which the store itself is broken. */
const OF_STORE: ReadonlySet<string> = new Set(['store-kill', 'failover', 'eviction'])
const NAMED_MAX = 4

interface Loser {
  readonly title: string
  readonly text: string
  readonly weight: number
}

/** Each is "HEAD: text"; one without anything to say is left out. */
export function sentencesOf(matrix: Matrix): readonly string[] {
  return [keepers(matrix), tabs(matrix), doubled(matrix), ofStores(matrix)].filter((each) => each !== undefined)
}

function keepers(matrix: Matrix): string | undefined {
  const kept = matrix.rows.filter(({ name }) => {
    const own = foundOf(matrix, ({ row }) => row === name)
    const ran = matrix.cells.every((cell) => cell.row !== name || !('failed' in cell))
    return own.length > 0 && ran && own.every(({ cell }) => isKept(cell))
  })
  if (kept.length === 0) return undefined
  const own = foundOf(matrix, ({ row }) => kept.some(({ name }) => name === row))
  const faults = own.reduce((sum, { found }) => sum + found.faults.landed, 0)
  const bound = Math.max(...own.filter(({ found }) => found.faults.landed > 0).map(({ found }) => boundOf(found)))
  const bounded = Number.isFinite(bound)
    ? `; of each kind alone, a loss in up to ${percent(bound)} of its faults is not ruled out`
    : ''
  return `Lost nothing: ${listed(kept.map(({ title }) => title))}, in all faults of this matrix that can fall on them (${n(faults)} in total${bounded}).`
}

function isKept(cell: Cell): boolean {
  const [worst] = outcomesOf(cell)
  return worst === 'kept' || (worst === 'failed' && 'found' in cell && cell.found.verdict === 'valid')
}

function tabs(matrix: Matrix): string | undefined {
  const losers = losersIn(matrix, ({ column }) => column === 'tabs', writesLost)
  return losers.length === 0 ? undefined : `Lost to a second and third tab, without any fault: ${named(losers)}.`
}

function doubled(matrix: Matrix): string | undefined {
  const losers = losersIn(
    matrix,
    ({ column }) => column === 'crash-after',
    (found) => ({ weight: timesOf(found, 'doubled'), text: `${n(timesOf(found, 'doubled'))} times` }),
  )
  return losers.length === 0
    ? undefined
    : `Done twice, because a node died after the commit and before the answer: ${named(losers)}.`
}

function ofStores(matrix: Matrix): string | undefined {
  const rows = matrix.rows.filter(({ name }) =>
    foundOf(matrix, ({ row, column }) => row === name && OF_STORE.has(column)).some(
      ({ cell }) => outcomesOf(cell)[0] === 'lost',
    ),
  )
  if (rows.length === 0) return undefined
  const onDisk = rows.some(({ title }) => /redis/i.test(title)) ? ' Redis keeps nothing on disk here.' : ''
  return `Lost when the store itself is killed, fails over or evicts: sessions or writes of ${some(rows.map(({ title }) => title))}.${onDisk}`
}

function foundOf(
  { cells }: Matrix,
  isMeant: (cell: Cell) => boolean,
): readonly { readonly cell: Cell; readonly found: CellFound }[] {
  return cells.flatMap((cell) => (isMeant(cell) && 'found' in cell ? [{ cell, found: cell.found }] : []))
}

function losersIn(
  matrix: Matrix,
  isMeant: (cell: Cell) => boolean,
  measure: (found: CellFound) => Omit<Loser, 'title'>,
): readonly Loser[] {
  return foundOf(matrix, isMeant)
    .map(({ cell, found }) => {
      const title = matrix.rows.find(({ name }) => name === cell.row)?.title ?? cell.row
      const { text, weight } = measure(found)
      return { title, text, weight }
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((one, other) => other.weight - one.weight)
}

/** No weight where sessions are lost too: that is no matter of tabs, and takes the writes with it. */
function writesLost({ sessions, writes }: CellFound): Omit<Loser, 'title'> {
  return {
    weight: sessions.lost > 0 ? 0 : writes.lost / Math.max(1, writes.acknowledged),
    text: `${n(writes.lost)} of ${n(writes.acknowledged)} writes`,
  }
}

function named(losers: readonly Loser[]): string {
  return some(losers.map(({ title, text }) => `${title} (${text})`))
}

/** The first of them, and how many more there are. */
function some(parts: readonly string[]): string {
  const others = parts.length - NAMED_MAX
  return listed(others > 1 ? [...parts.slice(0, NAMED_MAX), `${n(others)} others`] : parts)
}

function listed(parts: readonly string[]): string {
  const isShort = parts.every((part) => !part.includes(','))
  const between = isShort ? ', ' : '; '
  return parts.length < 2
    ? parts.join('')
    : `${parts.slice(0, -1).join(between)}${isShort ? '' : ';'} and ${parts.at(-1)}`
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

function n(number: number): string {
  return number.toLocaleString('en-US')
}
