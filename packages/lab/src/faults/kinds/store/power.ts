import { ApiError } from '../../../errors.ts'
import type { StoreOnDisk } from '../../../cluster/store-on-disk.ts'
import type { Fault } from '../../contract/fault.ts'
import { runState } from '../../../supervise/process-table.ts'

/**
 * The machine of the store loses its power: its processes are killed, and what they had not synced is gone from its files, with torn last
 * writes. A store that is a file dies with all nodes.
 */
export const power: Fault<StoreOnDisk> = {
  kind: 'power',
  on: ['store'],
  isOfFiles: true,
  needs: ['up'],
  endsWith: [],
  isMomentary: true,

  refuses: ({ power: ability }) => (ability === true ? undefined : ability.because),

  inject(store) {
    if (store.losePower()) return
    throw new ApiError(409, 'NO_POWER', 'its writes are not recorded: --faults power of prove does that')
  },

  async confirm(store, pid) {
    return store.pid !== pid && (await runState(pid)) === 'gone'
  },

  heal: (store) => store.restart(),
}
