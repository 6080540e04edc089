import { execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { SelfInflictedFault } from './self-inflicted-fault.ts'

/** Whoever closes one gets it back, and is to find it taken again. */
const REFILL_MS = 20
/** More are not opened, for each costs the system memory. Where a process may have more, its limit is lowered. */
const DESCRIPTORS_MAX = 20_000
const LIMIT = 2_048

/** Every file descriptor that this process may have is taken. */
export function descriptors(): SelfInflictedFault {
  const taken: number[] = []
  let limitBefore: string | undefined
  let refill: NodeJS.Timeout | undefined

  /** Whether there is not one left. */
  const fill = (): boolean => {
    try {
      while (taken.length < DESCRIPTORS_MAX) taken.push(openSync('/dev/null', 'r'))
      return false
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EMFILE') return true
      throw error
    }
  }

  return {
    begin() {
      limitBefore = limit()
      if (limitBefore !== undefined) limit(String(LIMIT))
      fill()
      refill = setInterval(fill, REFILL_MS)
    },
    stands: fill,
    end() {
      clearInterval(refill)
      for (const descriptor of taken.splice(0)) closeSync(descriptor)
      if (limitBefore !== undefined) limit(limitBefore)
    },
  }
}

/** How many this process may have, or sets that. Undefined where the system has no tool for it, as on macOS, where they are few. */
function limit(soft?: string): string | undefined {
  const asked = soft === undefined ? ['--nofile', '--output', 'SOFT', '--noheadings', '--raw'] : [`--nofile=${soft}:`]
  try {
    return execFileSync('prlimit', ['--pid', String(process.pid), ...asked], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}
