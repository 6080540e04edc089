import { ApiError } from '../../../errors.ts'
import type { StoreOnDisk } from '../../../cluster/store-on-disk.ts'
import type { Fault } from '../../contract/fault.ts'
import { until } from '../../../wait.ts'

/** A store writes with the next change, and a database soon needs more room. */
const LANDS_WITHIN_MS = 10_000
const TAKES_CHANGES_DEADLINE_MS = 60_000

/** Each try to heal gives the room back, and would end another fault that began meanwhile. */
const healing = new WeakSet<StoreOnDisk>()

/** The disk of the store is full: what it writes there is refused. Its reads go on. */
export const fullDisk: Fault<StoreOnDisk> = {
  kind: 'full-disk',
  on: ['store'],
  isOfFiles: true,
  needs: ['up'],
  endsWith: [],
  landsWithinMs: LANDS_WITHIN_MS,

  refuses: ({ fullDisk: ability }) => ('because' in ability ? ability.because : undefined),

  async inject(store) {
    if (store.isDiskFull) throw new ApiError(409, 'DISK_FULL', 'the disk of the store is full already')
    if (healing.has(store))
      throw new ApiError(409, 'DISK_FULL', 'the disk of the store was full until just now, and is being healed')
    if (await store.fillDisk()) return
    throw new ApiError(409, 'NO_DISK', 'its writes do not pass through the lab: --faults full-disk of prove does that')
  },

  confirm: (store) => Promise.resolve(store.refusedWrites() > 0),

  async heal(store) {
    const wait = { deadlineMs: TAKES_CHANGES_DEADLINE_MS, what: 'the store to take changes again' }
    healing.add(store)
    try {
      await until(() => store.freeDisk(), wait)
    } finally {
      healing.delete(store)
    }
  },
}
