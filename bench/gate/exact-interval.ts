/**
 * An interval of the median that holds whatever the figures are distributed like: from the order of the blocks alone. The bootstrap
 * of `../harness/statistics.ts` is narrower, and with few blocks it is too narrow: what decides over other people's work must not be wrong
 * more often than it says.
 */
import assert from 'node:assert/strict'
import { type Estimate, median } from '../harness/statistics.ts'

const CONFIDENCE = 0.95

/** The narrowest pair of blocks, one as far from the bottom as the other from the top, between which the median lies so surely. */
export function exactInterval(blocks: readonly number[]): Estimate {
  assert(blocks.length > 0, 'an interval of something')
  const sorted = blocks.toSorted((one, other) => one - other)
  const left = leftOut(blocks.length)
  return {
    median: median(blocks),
    low: sorted[left] as number,
    high: sorted[sorted.length - 1 - left] as number,
    blocks: blocks.length,
  }
}

/** How many blocks at either end may be left out. */
function leftOut(blocks: number): number {
  for (let left = 0; ; left++) if (coverage(blocks, left + 1) < CONFIDENCE) return left
}

/** How surely the median lies within, when so many are left out at either end: each block is above it or below, as a coin falls. */
export function coverage(blocks: number, left: number): number {
  let [outside, ways] = [0, 1]
  for (let below = 0; below <= left && below <= blocks; below++) {
    outside += ways
    ways = (ways * (blocks - below)) / (below + 1)
  }
  return 1 - (2 * outside) / 2 ** blocks
}
