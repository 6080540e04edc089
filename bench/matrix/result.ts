/** The result of the matrix. */
import type { TraceEvent } from '@ninelives/history'
import type { Environment } from '../harness/environment.ts'

export const MATRIX_SCHEMA = 1

export interface MatrixOptions {
  /** Of each cell. */
  readonly faults: number
  readonly rows: readonly string[]
  readonly columns: readonly string[]
  readonly users: number
  readonly operationsPerSecond: number
  readonly seed: number
}

export interface Matrix {
  readonly schema: number
  readonly bench: 'matrix'
  readonly startedAt: string
  readonly environment: Environment
  readonly options: MatrixOptions
  readonly rows: readonly { readonly name: string; readonly title: string; readonly role: 'strategy' | 'peer' }[]
  readonly cells: readonly Cell[]
}

export interface CellPlace {
  readonly row: string
  readonly column: string
  /** Absent: with the matrix. */
  readonly measuredAt?: string
}

/** `impossible`: the fault can't fall there, or the contestant is not on this machine. `failed`: it could not be started or broken. */
export type Cell = CellPlace &
  ({ readonly impossible: string } | { readonly failed: string } | { readonly found: CellFound })

export interface CellFound {
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly doubts: readonly string[]
  readonly faults: { readonly landed: number; readonly missed: number }
  readonly sessions: { readonly begun: number; readonly lost: number }
  readonly writes: { readonly acknowledged: number; readonly lost: number }
  readonly operations: number
  /** Operations that failed or may have, without those that met a lost session. */
  readonly unserved: number
  readonly anomalies: readonly AnomalyFound[]
  /** How often each hard interleaving occurred. */
  readonly interleavings: Readonly<Record<string, number>>
}

export interface AnomalyFound {
  readonly kind: string
  readonly times: number
  readonly text: string
  /** Its operations, and the other events of that time. */
  readonly evidence: readonly TraceEvent[]
  readonly around: readonly TraceEvent[]
}

/** The matrix with the cells of a later one, which measured some of them again. Undefined if the two differ in how they measured. */
export function withCellsOf(matrix: Matrix, { options, startedAt, cells }: Matrix): Matrix | undefined {
  const { faults, users, operationsPerSecond } = matrix.options
  const isAlike =
    options.faults === faults && options.users === users && options.operationsPerSecond === operationsPerSecond
  const places = new Set(matrix.cells.map(placeOf))
  if (!isAlike || !cells.every((cell) => places.has(placeOf(cell)))) return undefined
  const again = new Map(cells.map((cell) => [placeOf(cell), { ...cell, measuredAt: startedAt }]))
  return { ...matrix, cells: matrix.cells.map((cell) => again.get(placeOf(cell)) ?? cell) }
}

function placeOf({ row, column }: CellPlace): string {
  return `${row} ${column}`
}

/** What a cell comes to, the worst first. */
export const OUTCOMES = ['lost', 'doubled', 'wrong', 'failed', 'unknown', 'kept', 'impossible'] as const
export type Outcome = (typeof OUTCOMES)[number]

const LOSSES: ReadonlySet<string> = new Set(['lost-session', 'amnesia', 'lost-write', 'lost-update'])
const DOUBLINGS: ReadonlySet<string> = new Set(['duplicate', 'visible-though-failed'])

/** Neither a loss nor a doubling. */
export function isWrong(kind: string): boolean {
  return !LOSSES.has(kind) && !DOUBLINGS.has(kind)
}

/** All that hold for the cell, the worst first. */
export function outcomesOf(cell: Cell): readonly Outcome[] {
  if ('impossible' in cell) return ['impossible']
  if ('failed' in cell) return ['unknown']
  const { anomalies, unserved, verdict, sessions, writes } = cell.found
  const kinds = anomalies.map(({ kind }) => kind)
  const holds: Readonly<Record<Outcome, boolean>> = {
    lost: sessions.lost > 0 || writes.lost > 0 || kinds.some((kind) => LOSSES.has(kind)),
    doubled: kinds.some((kind) => DOUBLINGS.has(kind)),
    wrong: kinds.some((kind) => isWrong(kind)),
    failed: unserved > 0,
    unknown: verdict === 'unknown',
    kept: verdict === 'valid' && unserved === 0,
    impossible: false,
  }
  return OUTCOMES.filter((outcome) => holds[outcome])
}

/** At the rate of the bound, so many losses are expected. */
const EXPECTED_LOSSES = 3
/** Of 100 trials at a rate above the bound, fewer than this show no loss. */
export const UNSEEN_OF_100 = Math.ceil(100 * Math.exp(-EXPECTED_LOSSES))

/** The greatest rate of a loss that so many faults without one leave open. */
export function boundOfFaults(landed: number): number {
  return Math.min(1, EXPECTED_LOSSES / Math.max(1, landed))
}

export function boundOf({ faults }: CellFound): number {
  return boundOfFaults(faults.landed)
}

export function timesOf({ anomalies }: CellFound, outcome: 'doubled' | 'wrong'): number {
  const counts = anomalies.filter(({ kind }) => DOUBLINGS.has(kind) === (outcome === 'doubled') && !LOSSES.has(kind))
  return counts.reduce((sum, { times }) => sum + times, 0)
}
