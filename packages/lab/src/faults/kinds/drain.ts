import type { ClusterNode } from '../../cluster/node.ts'
import { until } from '../../wait.ts'
import type { Fault } from './fault.ts'

/** Longer than a node may take to finish what it has. */
const LEAVE_DEADLINE_MS = 15_000

/** SIGTERM: the node tells that it takes nothing new, finishes what it has, and leaves. As in any deployment. */
export const drain: Fault<ClusterNode> = {
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

  /** What has begun to leave can't be called back: it leaves, and another comes. */
  async heal(node) {
    const { pid } = node
    await until(() => node.pid !== pid || pid === undefined, {
      deadlineMs: LEAVE_DEADLINE_MS,
      what: `node ${node.name} to leave`,
    })
    await node.keeper.start()
  },
}
