import { execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { SelfInflictedFault } from './self-inflicted-fault.ts'

/** How often descriptors that other code closed are taken again. */
const REFILL_MS = 20
/** The most that are opened, as each takes system memory. If the process may have more, its limit is lowered. */
const DESCRIPTORS_MAX = 20_000
const LIMIT = 2_048

/** Takes every file descriptor that this process may have. */
export function descriptors(): SelfInflictedFault {
  const taken: number[] = []
  let limitBefore: string | undefined
  let refill: NodeJS.Timeout | undefined

  /** Whether none is left. */
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

/** Reads or sets the process' limit. Undefined on systems without `prlimit` such as macOS, where the limit is low anyway. */
function limit(soft?: string): string | undefined {
  const asked = soft === undefined ? ['--nofile', '--output', 'SOFT', '--noheadings', '--raw'] : [`--nofile=${soft}:`]
  try {
    return execFileSync('prlimit', ['--pid', String(process.pid), ...asked], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}
