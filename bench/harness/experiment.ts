/**
 * Blocks in which every subject has one turn of each kind, in an order that is shuffled for each block: the machine's state, and the
 * order, affect all subjects alike.
 */
import { type Random, shuffled } from './statistics.ts'

export interface Measured {
  readonly cpuMicrosPerRequest: number
  readonly p50Micros: number
  readonly p99Micros: number
}

export interface Measurable<Kind extends string> {
  readonly name: string
  /** One turn of load. */
  measure(kind: Kind, requests: number): Promise<Measured>
}

export interface Plan {
  /** Of each kind, before the first block, so that compiled code is measured. */
  readonly warmUpRequests: number
  readonly blocks: number
  /** In one turn. */
  readonly requests: number
}

/** By subject and kind, one figure a block. */
export type Blocks<Kind extends string> = ReadonlyMap<string, Readonly<Record<Kind, readonly Measured[]>>>

export async function measureBlocks<Kind extends string>(
  subjects: readonly Measurable<Kind>[],
  kinds: readonly Kind[],
  plan: Plan,
  random: Random,
  progress: (text: string) => void,
): Promise<Blocks<Kind>> {
  for (const [index, subject] of subjects.entries()) {
    progress(`warming up ${subject.name}, ${index + 1} of ${subjects.length}`)
    for (const kind of kinds) await subject.measure(kind, plan.warmUpRequests)
  }
  const blocks = new Map(subjects.map(({ name }) => [name, noneYet(kinds)]))
  const beganMs = performance.now()
  for (let block = 1; block <= plan.blocks; block++) {
    for (const kind of kinds) {
      for (const subject of shuffled(subjects, random)) {
        blocks.get(subject.name)?.[kind].push(await subject.measure(kind, plan.requests))
      }
    }
    const leftMs = ((performance.now() - beganMs) / block) * (plan.blocks - block)
    progress(`block ${block} of ${plan.blocks}, ${Math.ceil(leftMs / 1_000)} s to go`)
  }
  return blocks
}

function noneYet<Kind extends string>(kinds: readonly Kind[]): Record<Kind, Measured[]> {
  return Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Record<Kind, Measured[]>
}
