/** Sets of ranks as bits of a whole number. */

/** As many names as bits that are safe to shift. */
export const NAMES_MAX = 30

export const bit = (rank: number): number => 1 << rank

export const has = (set: number, rank: number): boolean => (set & (1 << rank)) !== 0

export const includes = (set: number, all: number): boolean => (all & ~set) === 0

export function count(set: number): number {
  let ones = 0
  for (let rest = set; rest !== 0; rest &= rest - 1) ones++
  return ones
}

/** -1 of an empty set. */
export const lowest = (set: number): number => 31 - Math.clz32(set & -set)

export function ranksOf(set: number): number[] {
  const ranks: number[] = []
  for (let rest = set; rest !== 0; rest &= rest - 1) ranks.push(lowest(rest))
  return ranks
}
