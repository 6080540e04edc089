/** Cuts a failing script down while it still fails: by halves first, then by single faults and operations. */
import type { Script } from './world/script.ts'

const TRIES_MAX = 600

export function shrink(script: Script, fails: (script: Script) => boolean): Script {
  const budget = { tries: TRIES_MAX }
  let best = script
  const keep = (smaller: Script): boolean => {
    if (budget.tries-- <= 0 || !fails(smaller)) return false
    best = smaller
    return true
  }
  let isSmaller: boolean
  do {
    const faults = cut(best.faults, (rest) => keep({ ...best, faults: rest }))
    const moves = cut(best.moves, (rest) => keep({ ...best, moves: rest }))
    const operations = cut(best.operations, (rest) => keep({ ...best, operations: rest }))
    isSmaller = faults || moves || operations
  } while (isSmaller && budget.tries > 0)
  return best
}

/** Leaves out ever shorter parts. True when something could be left out. */
function cut<T>(all: readonly T[], keep: (rest: readonly T[]) => boolean): boolean {
  let rest = all
  for (let size = Math.max(1, all.length >> 1); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < rest.length;) {
      const without = [...rest.slice(0, at), ...rest.slice(at + size)]
      if (keep(without)) rest = without
      else at += size
    }
  }
  return rest.length < all.length
}
