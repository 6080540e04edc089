/** What the bench of the mesh found, as it is written down and as a table. */
import type { Environment } from '../harness/environment.ts'
import type { Joining } from './joining.ts'
import type { MeshOptions } from './options.ts'
import type { ScaleBlock, ScaleBlocks } from './scale.ts'
import {
  type Estimate,
  estimate,
  type Random,
  ratio,
  type Reached,
  reached,
  seededRandom,
} from '../harness/statistics.ts'

export interface MeshResult {
  readonly schema: 1
  readonly bench: 'mesh'
  readonly startedAt: string
  readonly environment: Environment
  readonly options: Readonly<Record<string, unknown>>
  readonly seed: number
  readonly meshes: readonly MeshFigures[]
  readonly growth: readonly Growth[]
  readonly joining: Joining
  readonly blocks: Readonly<Record<string, readonly ScaleBlock[]>>
}

type Measure = keyof ScaleBlock

export type MeshFigures = { readonly mesh: string } & Readonly<Record<Measure, Estimate>>

/** What a write on the largest clustered mesh takes of what it takes on the smallest. */
export interface Growth extends Estimate {
  readonly of: Measure
  readonly ratioMax: number
  readonly is: Reached
}

export interface FoundMesh {
  readonly startedAt: Date
  readonly environment: Environment
  readonly options: MeshOptions
  readonly blocks: ScaleBlocks
  readonly joining: Joining
}

const MEASURES: readonly Measure[] = [
  'cpuMicros',
  'cpuMicrosAboveIdle',
  'bytes',
  'bytesAboveIdle',
  'p50Micros',
  'p99Micros',
  'sessionsPerNode',
  'idleShare',
  'idleBytesPerSecond',
  'refused',
]
const GROWTH_MAX = 1.15

export function meshResult({ startedAt, environment, options, blocks, joining }: FoundMesh): MeshResult {
  const { seed, out: _out, ...rest } = options
  const random = seededRandom(seed)
  return {
    schema: 1,
    bench: 'mesh',
    startedAt: startedAt.toISOString(),
    environment,
    options: rest,
    seed,
    meshes: [...blocks].map(([mesh, found]) => figures(mesh, found, random)),
    growth: growth(options, blocks, random),
    joining,
    blocks: Object.fromEntries(blocks),
  }
}

function figures(mesh: string, blocks: readonly ScaleBlock[], random: Random): MeshFigures {
  const of = (measure: Measure): Estimate =>
    estimate(
      blocks.map((block) => block[measure]),
      random,
    )
  const all = Object.fromEntries(MEASURES.map((measure) => [measure, of(measure)])) as Record<Measure, Estimate>
  return { mesh, ...all }
}

function growth({ sizes }: MeshOptions, blocks: ScaleBlocks, random: Random): Growth[] {
  const small = blocks.get(`clustered ${Math.min(...sizes)}`) ?? []
  const large = blocks.get(`clustered ${Math.max(...sizes)}`) ?? []
  const grown = (of: Measure): Growth => {
    const found = ratio(
      large.map((block) => block[of]),
      small.map((block) => block[of]),
      random,
    )
    return { of, ...found, ratioMax: GROWTH_MAX, is: reached(found, GROWTH_MAX) }
  }
  return [grown('cpuMicros'), grown('cpuMicrosAboveIdle'), grown('bytes'), grown('bytesAboveIdle')]
}

export function meshTable({ meshes, growth, joining }: MeshResult): string {
  const head = [
    'mesh',
    'CPU µs a write',
    'above idle',
    'bytes',
    'above idle',
    'p50 ms',
    'p99 ms',
    'sessions a node',
    'idle CPU',
    'refused',
  ]
  const rows = meshes.map((figures) => [
    figures.mesh,
    figures.cpuMicros.median.toFixed(0),
    figures.cpuMicrosAboveIdle.median.toFixed(0),
    figures.bytes.median.toFixed(0),
    figures.bytesAboveIdle.median.toFixed(0),
    (figures.p50Micros.median / 1_000).toFixed(2),
    (figures.p99Micros.median / 1_000).toFixed(2),
    figures.sessionsPerNode.median.toFixed(0),
    `${(100 * figures.idleShare.median).toFixed(1)} %`,
    figures.refused.median.toFixed(0),
  ])
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  const grown = growth.map(
    ({ of, median, low, high, ratioMax, is }) =>
      `clustered, largest over smallest, ${of}: ${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}), goal ${ratioMax}: ${is}`,
  )
  return [
    ...[head, ...rows].map(line),
    '',
    ...grown,
    '',
    `an idle session: ${joining.heapBytes.toFixed(0)} bytes of heap, its JSON ${joining.jsonBytes.toFixed(0)}`,
    `a node that joins ${joining.sessions} sessions: serves after ${joining.servesAfterMs.toFixed(0)} ms, ` +
      `had answered hundreds of reads after ${joining.readAfterMs.toFixed(0)} ms, holds all after ${joining.fullAfterMs.toFixed(0)} ms`,
  ].join('\n')
}
