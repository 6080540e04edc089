import type { StoreServer } from '../cluster/store-server.ts'
import { ApiError } from '../errors.ts'
import type { Fault } from './fault.ts'

/**
 * The store dies, and its replica is promoted in its place, with what it had got by then. The edges lead the nodes to it, as
 * a virtual address would. Healed, what died is back and follows.
 */
export const failover: Fault<StoreServer> = {
  kind: 'failover',
  on: ['store'],
  needs: ['up'],
  endsWith: [],

  async inject(store, { id }) {
    if (!(await store.isFollowed())) {
      throw new ApiError(409, 'NO_REPLICA', 'no replica follows the store: start the lab with --replica on')
    }
    if ((await store.promote()) && (await store.lead(id))) return
    throw new ApiError(504, 'FAULT_NOT_ARMED', 'the replica was not promoted')
  },

  async confirm(store, pid) {
    return store.pid !== pid && (await store.ask('INFO', 'replication')).includes('role:master')
  },

  heal: (store) => store.followed(),
}
