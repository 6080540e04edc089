import type { NodeMember } from '../../../cluster/member.ts'
import { until } from '../../../wait.ts'
import type { Fault } from '../../contract/fault.ts'
import { whole } from '../../contract/fields.ts'
import { selfInflictedFault } from './self-inflicted-fault.ts'

const STALL_MIN_MS = 300
const STALL_MAX_MS = 60_000
const STALL_MS = 1_000
/** Added to its duration. */
const ANSWER_DEADLINE_MS = 10_000

const begun = selfInflictedFault('stall', {
  fields: { durationMs: whole('milliseconds', STALL_MIN_MS, STALL_MAX_MS, STALL_MS) },
})

/** Blocks the node's event loop. Confirmed when the node does not answer although its process runs. */
export const stall: Fault<NodeMember> = {
  ...begun,

  async confirm(node) {
    return !(await node.answers()) && (await node.observe()) === 'running'
  },

  /** A blocked process can't be reached, so this waits for the end, and then has the node forget the order. */
  async heal(node, order, pid) {
    const { durationMs = STALL_MS } = order
    await until(async () => node.pid !== pid || (await node.answers()), {
      deadlineMs: durationMs + ANSWER_DEADLINE_MS,
      what: `node ${node.name} to answer again`,
    })
    if (node.pid === pid) await begun.heal(node, order, pid)
  },
}
