import type { Eviction } from '../../../cluster/servers/server-kind.ts'
import type { StoreServer } from '../../../cluster/store-server.ts'
import { ApiError } from '../../../errors.ts'
import type { Fault, FaultOrder } from '../../contract/fault.ts'

/** How many keys the store had evicted before the fault. Not by id: two clusters in one process have the same ids. */
const before = new WeakMap<FaultOrder, number>()

/** The store's memory is full for a moment, and it deletes some sessions, as one with an eviction policy does. */
export const eviction: Fault<StoreServer> = {
  kind: 'eviction',
  on: ['store'],
  needs: ['up'],
  endsWith: [],
  isMomentary: true,

  refuses: ({ eviction: ability }) => ('because' in ability ? ability.because : undefined),

  async inject(store, order) {
    const ability = abilityOf(store)
    before.set(order, await ability.evicted(store.port))
    if (await ability.evict(store.port)) return
    throw new ApiError(504, 'FAULT_NOT_ARMED', 'the store did not confirm that its memory was full')
  },

  async confirm(store, _pid, order) {
    return (await abilityOf(store).evicted(store.port)) > (before.get(order) ?? Number.POSITIVE_INFINITY)
  },

  heal: () => Promise.resolve(),
}

function abilityOf({ kind }: StoreServer): Eviction {
  if ('because' in kind.eviction) throw new ApiError(409, 'IMPOSSIBLE', kind.eviction.because)
  return kind.eviction
}
