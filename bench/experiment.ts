/**
 * Blocks in which every subject has one turn of each kind, in an order that is shuffled anew each time: whatever the
 * machine does meanwhile, and whoever comes before whom, falls on all of them alike.
 */
import type { RequestKind } from './load.ts'
import { type Random, shuffled } from './statistics.ts'
import type { Measured, Subject } from './subject.ts'

export interface Plan {
  /** Of each kind, before the first block, so that the code that is measured is the compiled one. */
  readonly warmUpRequests: number
  readonly blocks: number
  /** In one turn. */
  readonly requests: number
}

/** By subject and kind, one figure a block. */
export type Blocks = ReadonlyMap<string, Readonly<Record<RequestKind, readonly Measured[]>>>

const KINDS: readonly RequestKind[] = ['read', 'write']

export async function measureBlocks(
  subjects: readonly Subject[],
  plan: Plan,
  random: Random,
  progress: (text: string) => void,
): Promise<Blocks> {
  for (const [index, subject] of subjects.entries()) {
    progress(`warming up ${subject.name}, ${index + 1} of ${subjects.length}`)
    for (const kind of KINDS) await subject.measure(kind, plan.warmUpRequests)
  }
  const blocks = new Map(subjects.map(({ name }) => [name, { read: [] as Measured[], write: [] as Measured[] }]))
  const beganMs = performance.now()
  for (let block = 1; block <= plan.blocks; block++) {
    for (const kind of KINDS) {
      for (const subject of shuffled(subjects, random)) {
        blocks.get(subject.name)?.[kind].push(await subject.measure(kind, plan.requests))
      }
    }
    const leftMs = ((performance.now() - beganMs) / block) * (plan.blocks - block)
    progress(`block ${block} of ${plan.blocks}, ${Math.ceil(leftMs / 1_000)} s to go`)
  }
  return blocks
}
