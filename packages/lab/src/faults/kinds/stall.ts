import type { ClusterNode } from '../../cluster/node.ts'
import { until } from '../../wait.ts'
import type { Fault } from './fault.ts'
import { whole } from './fields.ts'
import { selfInflictedFault } from './self-inflicted-fault.ts'

const STALL_MIN_MS = 300
const STALL_MAX_MS = 60_000
const STALL_MS = 1_000
/** Beyond its own end. */
const ANSWER_DEADLINE_MS = 10_000

const begun = selfInflictedFault('stall', {
  fields: { durationMs: whole('milliseconds', STALL_MIN_MS, STALL_MAX_MS, STALL_MS) },
})

/** The node's event loop stands still for so long. It is seen to: nobody who asks gets an answer, and the process runs. */
export const stall: Fault<ClusterNode> = {
  ...begun,

  async confirm(node) {
    return !(await node.answers()) && (await node.observe()) === 'running'
  },

  /** What stands still can't be called back: its end has to be waited for. Then the node is told, and forgets the order. */
  async heal(node, order) {
    const { pid } = node
    const { durationMs = STALL_MS } = order
    await until(async () => node.pid !== pid || (await node.answers()), {
      deadlineMs: durationMs + ANSWER_DEADLINE_MS,
      what: `node ${node.name} to answer again`,
    })
    if (node.pid === pid) await begun.heal(node, order)
  },
}
