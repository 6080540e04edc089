import type { StoreServer } from '../../cluster/store-server.ts'
import { ApiError } from '../../errors.ts'
import type { Fault } from './fault.ts'

/** The store goes on and has forgotten everything, as one that was restarted without its disk. */
export const amnesia: Fault<StoreServer> = {
  kind: 'amnesia',
  on: ['store'],
  needs: ['up'],
  endsWith: [],
  isMomentary: true,

  async inject(store, { id }) {
    await store.ask('SET', marker(id), '1')
    if ((await store.ask('FLUSHALL', 'SYNC')) === '+OK') return
    throw new ApiError(504, 'FAULT_NOT_ARMED', 'the store did not say that it forgot')
  },

  /** Users log in again at once; what nobody writes again is what shows it. */
  confirm: async (store, _pid, { id }) => (await store.ask('EXISTS', marker(id))) === ':0',

  heal: () => Promise.resolve(),
}

function marker(id: string): string {
  return `ninelives:lab:${id}`
}
