/**
 * Statistics for a shared machine. The unit is the block: the requests of one block share one state of the machine, and count as one
 * observation. Two subjects are compared by their ratio within each block, so that a slow moment, which slows both, cancels out;
 * with two medians the machine's drift would look like a difference.
 */
import assert from 'node:assert/strict'

export type Random = () => number

export interface Estimate {
  readonly median: number
  /** 95 % of the medians of resampled blocks lie between these. */
  readonly low: number
  readonly high: number
  /** How many blocks it was made from. */
  readonly blocks: number
}

/** `less` and `more`: the first compared with the second. */
export type Finding = 'less' | 'more' | 'no difference shown' | 'too few blocks'

export type Reached = 'reached' | 'missed' | 'undecided'

/** With fewer, not even the whole range of the blocks is a 95 % interval of the median. */
export const INTERVAL_BLOCKS_MIN = 6

const RESAMPLES = 4_000

export function shuffled<T>(values: readonly T[], random: Random): T[] {
  const result = [...values]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[result[last], result[other]] = [result[other] as T, result[last] as T]
  }
  return result
}

export function median(values: readonly number[]): number {
  assert(values.length > 0, 'a median of something')
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/** The median over blocks, with its bootstrap interval. */
export function estimate(blocks: readonly number[], random: Random): Estimate {
  const resampled = (): number[] => blocks.map(() => blocks[Math.floor(random() * blocks.length)] as number)
  const medians = Array.from({ length: RESAMPLES }, () => median(resampled())).sort((one, other) => one - other)
  const at = (share: number): number => medians[Math.round(share * (RESAMPLES - 1))] as number
  return { median: median(blocks), low: at(0.025), high: at(0.975), blocks: blocks.length }
}

/** First divided by second, block by block. */
export function ratio(first: readonly number[], second: readonly number[], random: Random): Estimate {
  assert.equal(first.length, second.length, 'both were measured in every block')
  return estimate(
    first.map((value, block) => value / (second[block] as number)),
    random,
  )
}

export function finding({ low, high, blocks }: Estimate): Finding {
  if (blocks < INTERVAL_BLOCKS_MIN) return 'too few blocks'
  if (low <= 1 && high >= 1) return 'no difference shown'
  return high < 1 ? 'less' : 'more'
}

/** Whether a ratio is at most `ratioMax`, by its interval. */
export function reached({ low, high, blocks }: Estimate, ratioMax: number): Reached {
  if (blocks < INTERVAL_BLOCKS_MIN) return 'undecided'
  if (high <= ratioMax) return 'reached'
  return low > ratioMax ? 'missed' : 'undecided'
}
