import type { StoreServer } from '../../../cluster/store-server.ts'
import { ApiError } from '../../../errors.ts'
import { runState } from '../../../supervise/process-table.ts'
import { until } from '../../../wait.ts'
import type { Fault } from '../../contract/fault.ts'

const TAKE_OVER_DEADLINE_MS = 5_000

/**
 * The store dies, and its replica is promoted with the data that it has. The edges lead the nodes to it, as a virtual address
 * would. After healing, the dead server is back as the replica.
 */
export const failover: Fault<StoreServer> = {
  kind: 'failover',
  on: ['store'],
  needs: ['up'],
  endsWith: [],

  refuses: ({ replication }) => ('because' in replication ? replication.because : undefined),

  async inject(store, { id }) {
    const { replication } = store.kind
    if ('because' in replication) throw new ApiError(409, 'IMPOSSIBLE', replication.because)
    if (!(await store.isFollowed())) {
      throw new ApiError(409, 'NO_REPLICA', 'no replica follows the store: start the lab with --replica on')
    }
    if (store.replace() && (await store.takeOver(id))) return
    throw new ApiError(504, 'FAULT_NOT_ARMED', 'the replica was not promoted')
  },

  async confirm(store, pid) {
    return store.pid !== pid && (await runState(pid)) === 'gone' && (await store.isPrimary())
  },

  /** Completes a failover that was interrupted, as the dead server has no data any more. */
  async heal(store, { id }) {
    const wait = { deadlineMs: TAKE_OVER_DEADLINE_MS, what: 'the replica to be promoted, and the edges to lead there' }
    await until(() => store.takeOver(id), wait)
    await store.followed()
  },
}
