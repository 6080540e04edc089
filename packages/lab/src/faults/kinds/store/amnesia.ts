import type { Amnesia } from '../../../cluster/servers/server-kind.ts'
import type { StoreServer } from '../../../cluster/store-server.ts'
import { ApiError } from '../../../errors.ts'
import type { Fault } from '../../contract/fault.ts'

/** The store runs on without its contents, like a store that was restarted without a disk. */
export const amnesia: Fault<StoreServer> = {
  kind: 'amnesia',
  on: ['store'],
  needs: ['up'],
  endsWith: [],
  isMomentary: true,

  refuses: ({ amnesia: ability }) => ('because' in ability ? ability.because : undefined),

  async inject(store, { id }) {
    if (await abilityOf(store).forget(store.port, id)) return
    throw new ApiError(504, 'FAULT_NOT_ARMED', 'the store did not confirm that it lost everything')
  },

  confirm: (store, _pid, { id }) => abilityOf(store).isForgotten(store.port, id),

  heal: () => Promise.resolve(),
}

function abilityOf({ kind }: StoreServer): Amnesia {
  if ('because' in kind.amnesia) throw new ApiError(409, 'IMPOSSIBLE', kind.amnesia.because)
  return kind.amnesia
}
