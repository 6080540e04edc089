/**
 * Statistics for a shared machine. The unit is the block: the requests of one block share one state of the machine, and count as one
 * observation. Two subjects are compared by their ratio within each block, so that a slow moment, which slows both, cancels out;
 * with two medians the machine's drift would look like a difference.
 */
import assert from 'node:assert/strict'

export type Random = () => number

export interface Estimate {
  readonly median: number
  /** Two of the blocks, between which the true median lies with at least 95 %, from INTERVAL_BLOCKS_MIN blocks on. */
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

/** How often the true median may lie below an interval, and how often above it. */
const MISSES_MAX = 0.025

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

/** The median over blocks, with the interval of the sign test, which assumes nothing about how the blocks are distributed. */
export function estimate(blocks: readonly number[]): Estimate {
  const sorted = blocks.toSorted((one, other) => one - other)
  const outside = outsideInterval(blocks.length)
  const [low, high] = [sorted[outside] as number, sorted[blocks.length - 1 - outside] as number]
  return { median: median(blocks), low, high, blocks: blocks.length }
}

/**
 * How many blocks may lie outside the interval at each end. Each block lies below the true median or above it as a coin falls, so the
 * median is below the second smallest of seven blocks, for example, as often as seven coins show at most one head: in 6 % of runs, too often.
 */
function outsideInterval(blocks: number): number {
  // Of so many heads and no other number; in logarithms, as 2^-blocks may be too small for a number.
  let chanceLog = -blocks * Math.LN2
  let atMost = 0
  for (let heads = 0; heads < blocks; heads++) {
    atMost += Math.exp(chanceLog)
    if (atMost > MISSES_MAX) return Math.max(0, heads - 1)
    chanceLog += Math.log((blocks - heads) / (heads + 1))
  }
  return 0
}

/** First divided by second, block by block. */
export function ratio(first: readonly number[], second: readonly number[]): Estimate {
  assert.equal(first.length, second.length, 'both were measured in every block')
  return estimate(first.map((value, block) => value / (second[block] as number)))
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
