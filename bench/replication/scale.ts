/** What a write costs on meshes of several sizes: CPU of all nodes together, bytes between them, and how long it takes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { meshCluster, type MeshCluster, type Mode } from './cluster.ts'
import type { Written } from './questions.ts'
import { median, type Random, shuffled } from '../harness/statistics.ts'

export interface ScalePlan {
  readonly sizes: readonly number[]
  /** Of every mesh, in an order that is shuffled for each round. */
  readonly rounds: number
  /** Of one mesh in one round; the median of them counts. */
  readonly blocks: number
  readonly writesPerNode: number
  /** In flight at one node. More writes share packets, and more so on few nodes than on many: 1 compares fairly. */
  readonly atOnce: number
}

export interface ScaleBlock {
  /** All CPU time of the processes, over the writes. */
  readonly cpuMicros: number
  /** Without what they use when nothing is written: heartbeats and timers. */
  readonly cpuMicrosAboveIdle: number
  readonly bytes: number
  readonly bytesAboveIdle: number
  readonly p50Micros: number
  readonly p99Micros: number
  /** On average. */
  readonly sessionsPerNode: number
  /** Of one core, of one node, when nothing is written. */
  readonly idleShare: number
  readonly idleBytesPerSecond: number
  /** Of all writes of the block. */
  readonly refused: number
}

export type Measure = keyof ScaleBlock

export const MEASURES: readonly Measure[] = [
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

/** One block a round. */
export type ScaleBlocks = ReadonlyMap<string, readonly ScaleBlock[]>

const MODES: readonly Mode[] = ['replicated', 'clustered']
const SESSIONS_PER_NODE = 500
const IDLE_MS = 2_000
/** For three seconds after its last use a mesh sends heartbeats. */
const QUIET_AFTER_MS = 4_000

export async function measureScale(
  plan: ScalePlan,
  random: Random,
  progress: (text: string) => void,
): Promise<ScaleBlocks> {
  const meshes = MODES.flatMap((mode) => plan.sizes.map((size) => ({ mode, size })))
  const found = new Map<string, ScaleBlock[]>(meshes.map(({ mode, size }) => [`${mode} ${size}`, []]))
  for (let round = 1; round <= plan.rounds; round++) {
    for (const { mode, size } of shuffled(meshes, random)) {
      progress(`round ${round} of ${plan.rounds}: ${mode}, ${size} nodes`)
      const cluster = await meshCluster(mode, size)
      try {
        found.get(`${mode} ${size}`)?.push(await measureOne(cluster, plan))
      } finally {
        cluster.stop()
      }
    }
  }
  return found
}

async function measureOne(cluster: MeshCluster, { blocks, writesPerNode, atOnce }: ScalePlan): Promise<ScaleBlock> {
  // One after the other: all at once would overload a machine of few cores.
  for (const node of cluster.nodes) await node.ask({ ask: 'fill', sessions: SESSIONS_PER_NODE })
  // The first writes pay for compilation.
  await cluster.ask({ ask: 'write', writes: 2 * writesPerNode, atOnce })
  const idle = await measureIdle(cluster)
  const measured: ScaleBlock[] = []
  for (let block = 0; block < blocks; block++)
    measured.push(await measureBlock(cluster, { writes: writesPerNode, atOnce }, idle))
  const middle = MEASURES.map((measure) => [measure, median(measured.map((block) => block[measure]))])
  return {
    ...(Object.fromEntries(middle) as unknown as ScaleBlock),
    refused: measured.reduce((sum, { refused }) => sum + refused, 0),
  }
}

/** Of all nodes together. */
interface Idle {
  readonly cpuMicrosPerMs: number
  readonly bytesPerMs: number
}

async function measureIdle(cluster: MeshCluster): Promise<Idle> {
  await sleep(QUIET_AFTER_MS)
  const before = await cluster.usage()
  const beganMs = performance.now()
  await sleep(IDLE_MS)
  const after = await cluster.usage()
  const tookMs = performance.now() - beganMs
  return {
    cpuMicrosPerMs: (after.cpuMicros - before.cpuMicros) / tookMs,
    bytesPerMs: (after.sentBytes - before.sentBytes) / tookMs,
  }
}

async function measureBlock(
  cluster: MeshCluster,
  load: { readonly writes: number; readonly atOnce: number },
  idle: Idle,
): Promise<ScaleBlock> {
  const nodes = cluster.nodes.length
  const before = await cluster.usage()
  const beganMs = performance.now()
  const written = await cluster.ask<Written>({ ask: 'write', ...load })
  const tookMs = performance.now() - beganMs
  const after = await cluster.usage()
  const writes = nodes * load.writes
  const cpuMicros = after.cpuMicros - before.cpuMicros
  const bytes = after.sentBytes - before.sentBytes
  return {
    cpuMicros: cpuMicros / writes,
    cpuMicrosAboveIdle: (cpuMicros - idle.cpuMicrosPerMs * tookMs) / writes,
    bytes: bytes / writes,
    bytesAboveIdle: (bytes - idle.bytesPerMs * tookMs) / writes,
    p50Micros: median(written.map(({ p50Micros }) => p50Micros)),
    p99Micros: median(written.map(({ p99Micros }) => p99Micros)),
    sessionsPerNode: after.sessions / nodes,
    idleShare: idle.cpuMicrosPerMs / 1_000 / nodes,
    idleBytesPerSecond: (idle.bytesPerMs * 1_000) / nodes,
    refused: written.reduce((sum, { refused }) => sum + refused, 0),
  }
}
