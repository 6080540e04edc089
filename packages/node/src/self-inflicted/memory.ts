import { setImmediate as turn } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import type { SelfInflictedFault, FaultOrder } from './self-inflicted-fault.ts'

const MEGABYTES_MAX = 4_096
/** What is left of the heap's limit, which includes the young generation: with less the process would die. */
const SPARE_SHARE = 0.1
const SPARE_MIN_BYTES = 256 * 1024 * 1024
const NUMBERS_PER_MEGABYTE = 131_072

/** Fills the heap with live objects: so many megabytes, or until little is left. */
export function memory({ megabytes }: FaultOrder): SelfInflictedFault {
  const wanted = Math.min(Number(megabytes) || 0, MEGABYTES_MAX)
  let ballast: number[][] = []
  let isFull = false
  const over = new AbortController()
  return {
    async begin() {
      const megabyte = Array.from<number>({ length: NUMBERS_PER_MEGABYTE }).fill(0.5)
      while (!over.signal.aborted && ballast.length < wanted && hasRoom()) {
        ballast.push(megabyte.slice())
        await turn()
      }
      isFull = !over.signal.aborted
    },
    stands: () => isFull,
    end() {
      over.abort()
      isFull = false
      ballast = []
    },
  }
}

function hasRoom(): boolean {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
  return used < limit - Math.max(limit * SPARE_SHARE, SPARE_MIN_BYTES)
}
