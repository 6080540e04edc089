import { setImmediate as turn } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import type { SelfInflictedFault, FaultOrder } from './self-inflicted-fault.ts'

const MEGABYTES_MAX = 4_096
/** Left of the heap's limit, which counts the young generation in: with less the process would not suffer but end. */
const SPARE_SHARE = 0.1
const SPARE_MIN_BYTES = 256 * 1024 * 1024
const NUMBERS_PER_MEGABYTE = 131_072

/** Ballast on the heap, which every collection has to walk around: so many megabytes, or until little is left of the heap. */
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
