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

  async inject(store, { id }) {
    await store.ask('SET', marker(id), '1')
    if ((await store.ask('FLUSHALL', 'SYNC')) === '+OK') return
    throw new ApiError(504, 'FAULT_NOT_ARMED', 'the store did not confirm the flush')
  },

  /** Seen by a mark that is lost: users soon log in again, so the number of sessions would not show it. */
  confirm: async (store, _pid, { id }) => (await store.ask('EXISTS', marker(id))) === ':0',

  heal: () => Promise.resolve(),
}

function marker(id: string): string {
  return `ninelives:lab:${id}`
}
