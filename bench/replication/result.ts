/** The result of the bench of the mesh, as a file and as a table. */
import type { Environment } from '../harness/environment.ts'
import type { Joining } from './joining.ts'
import { MEASURES, type Measure, type ScaleBlock, type ScaleBlocks, type ScalePlan } from './scale.ts'
import { aligned, interval } from '../harness/command/table.ts'
import { type Estimate, estimate, ratio, type Reached, reached } from '../harness/statistics.ts'

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

export interface MeshOptions extends ScalePlan {
  readonly sessions: number
  readonly seed: number
  readonly out: string
}

export type MeshFigures = { readonly mesh: string } & Readonly<Record<Measure, Estimate>>

/** The cost of a write on the largest clustered mesh over that on the smallest. */
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

const GROWTH_MAX = 1.15

export function meshResult({ startedAt, environment, options, blocks, joining }: FoundMesh): MeshResult {
  const { seed, out: _out, ...rest } = options
  return {
    schema: 1,
    bench: 'mesh',
    startedAt: startedAt.toISOString(),
    environment,
    options: rest,
    seed,
    meshes: [...blocks].map(([mesh, found]) => figures(mesh, found)),
    growth: growth(options, blocks),
    joining,
    blocks: Object.fromEntries(blocks),
  }
}

function figures(mesh: string, blocks: readonly ScaleBlock[]): MeshFigures {
  const of = (measure: Measure): number[] => blocks.map((block) => block[measure])
  const all = MEASURES.map((measure) => [measure, estimate(of(measure))])
  return { mesh, ...(Object.fromEntries(all) as Record<Measure, Estimate>) }
}

function growth({ sizes }: MeshOptions, blocks: ScaleBlocks): Growth[] {
  const small = blocks.get(`clustered ${Math.min(...sizes)}`) ?? []
  const large = blocks.get(`clustered ${Math.max(...sizes)}`) ?? []
  const grown = (of: Measure): Growth => {
    const found = ratio(
      large.map((block) => block[of]),
      small.map((block) => block[of]),
    )
    return { of, ...found, ratioMax: GROWTH_MAX, is: reached(found, GROWTH_MAX) }
  }
  return [grown('cpuMicros'), grown('cpuMicrosAboveIdle'), grown('bytes'), grown('bytesAboveIdle')]
}

const COLUMNS: Readonly<Record<string, (figures: MeshFigures) => string>> = {
  'CPU µs a write': ({ cpuMicros }) => cpuMicros.median.toFixed(0),
  'CPU above idle': ({ cpuMicrosAboveIdle }) => cpuMicrosAboveIdle.median.toFixed(0),
  bytes: ({ bytes }) => bytes.median.toFixed(0),
  'bytes above idle': ({ bytesAboveIdle }) => bytesAboveIdle.median.toFixed(0),
  'p50 ms': ({ p50Micros }) => (p50Micros.median / 1_000).toFixed(2),
  'p99 ms': ({ p99Micros }) => (p99Micros.median / 1_000).toFixed(2),
  'sessions a node': ({ sessionsPerNode }) => sessionsPerNode.median.toFixed(0),
  'idle CPU': ({ idleShare }) => `${(100 * idleShare.median).toFixed(1)} %`,
  refused: ({ refused }) => refused.median.toFixed(0),
}

export function meshTable({ meshes, growth, joining }: MeshResult): string {
  const rows = meshes.map((figures) => [figures.mesh, ...Object.values(COLUMNS).map((cell) => cell(figures))])
  const grown = growth.map(
    ({ of, ratioMax, is, ...found }) =>
      `clustered, largest over smallest, ${of}: ${interval(found, 2)}, goal ${ratioMax}: ${is}`,
  )
  return [
    aligned([['mesh', ...Object.keys(COLUMNS)], ...rows], Object.keys(COLUMNS).length + 1),
    ...grown,
    '',
    `an idle session: ${joining.heapBytes.toFixed(0)} bytes of heap, its JSON ${joining.jsonBytes.toFixed(0)}`,
    `a node that joins ${joining.sessions} sessions: serves after ${joining.servesAfterMs.toFixed(0)} ms, ` +
      `had answered hundreds of reads after ${joining.readAfterMs.toFixed(0)} ms, holds all after ${joining.fullAfterMs.toFixed(0)} ms`,
  ].join('\n')
}
