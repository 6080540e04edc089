/** The atlas as data, and as a table with a row for each operation and a column for each crash point. */
import type { AnomalyKind } from '@ninelives/history'
import { CRASH_POINTS, type CrashPoint } from '../faults/contract/fault-detail.ts'

export const ATLAS_SCHEMA = 1

/** The consequences of a crash at one crash point of one operation. */
export interface Cell {
  readonly operation: string
  readonly point: CrashPoint
  /**
   * `landed`: the node died there. `not-passed`: the operation never reaches that crash point. `not-reached`: the customer could
   * not even begin the operation, with nothing broken. `missed`: every request went to another node, so nothing is known.
   */
  readonly state: 'landed' | 'not-passed' | 'not-reached' | 'missed'
  /** The node that died. */
  readonly node?: string
  /** The answer that the customer got; `by` is the node that answered in place of the dead one, if one did. */
  readonly answer?: { readonly outcome: 'ok' | 'failed' | 'unknown'; readonly why?: string; readonly by?: string }
  /** How often the operation was carried out. */
  readonly done?: number
  /** The anomalies that the checkers found, the worst first. */
  readonly lost: readonly AnomalyKind[]
}

export interface Chart {
  readonly strategy: string
  readonly cells: readonly Cell[]
}

export interface Atlas {
  readonly schema: typeof ATLAS_SCHEMA
  readonly run: string
  readonly seed: number
  readonly charts: readonly Chart[]
}

const NAME_WIDTH = 10
const CELL_WIDTH = 22

export function heading(strategy: string): string {
  return row(strategy, CRASH_POINTS)
}

export function rowOf(operation: string, cells: readonly Cell[]): string {
  return row(
    operation,
    CRASH_POINTS.map((point) => textOf(cells.find((cell) => cell.point === point))),
  )
}

/** Explains the words of the table. */
export const LEGEND = `ok          the user got an answer, and nothing is lost
error       no answer, or a failure: done, or not done, and nothing else is lost
-           the operation never reaches that crash point
a name      the anomaly that the checkers found, or the worst of several
`

export function textOf(cell: Cell | undefined): string {
  if (cell === undefined) return ''
  const { state, answer, done, lost } = cell
  if (state === 'not-passed') return '-'
  if (state === 'not-reached') return 'lost without a crash'
  if (state === 'missed') return '?'
  if (lost.length > 0) return lost.length === 1 ? `${lost[0]}` : `${lost[0]} and more`
  if (answer?.outcome === 'ok') return 'ok'
  return done === 0 ? 'error, not done' : 'error, done'
}

function row(name: string, cells: readonly string[]): string {
  const [first, ...rest] = cells
  const widths = [first?.padEnd(CELL_WIDTH), ...rest.map((cell) => cell.padEnd(CELL_WIDTH))]
  return `${name.padEnd(NAME_WIDTH)}  ${widths.join('  ').trimEnd()}\n`
}
