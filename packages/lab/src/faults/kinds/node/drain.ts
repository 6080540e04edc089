import type { NodeMember } from '../../../cluster/member.ts'
import { until } from '../../../wait.ts'
import type { Fault } from '../../contract/fault.ts'

/** Longer than a node may take to finish its requests. */
const LEAVE_DEADLINE_MS = 60_000

/** SIGTERM: the node reports that it drains, finishes its requests, and exits, as in a deployment. */
export const drain: Fault<NodeMember> = {
  kind: 'drain',
  on: ['node'],
  needs: ['up'],
  endsWith: ['node-up'],
  comesBack: true,

  inject(node) {
    node.keeper.signal('SIGTERM')
  },

  async confirm(node, pid) {
    return (await node.isDraining()) || node.pid !== pid
  },

  /** A drain can't be undone: it is healed when the node has exited and started again. */
  async heal(node, _order, pid) {
    await until(() => node.pid !== pid, {
      deadlineMs: LEAVE_DEADLINE_MS,
      what: `node ${node.name} to leave`,
    })
    await node.keeper.start()
  },
}
