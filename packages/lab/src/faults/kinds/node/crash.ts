import type { NodeMember } from '../../../cluster/member.ts'
import { ApiError } from '../../../errors.ts'
import type { Fault } from '../../contract/fault.ts'
import type { CrashPoint } from '../../contract/fault-detail.ts'
import { crashFields, randomRequest } from '../../contract/fields.ts'

/** A node that takes longer is too busy to be broken on purpose. */
const ANSWER_WAIT_MS = 5_000
/** First where the client is told the least: it was committed, and the answer never came. */
const IN_TURN: readonly CrashPoint[] = ['after-commit', 'before-commit', 'after-response', 'before-read']

/** The process kills itself at a crash point of a request, which a kill from outside could hit only by chance. */
export const crash: Fault<NodeMember> = {
  kind: 'crash',
  on: ['node'],
  fields: crashFields,
  needs: ['up'],
  endsWith: ['node-up'],
  landsWith: 'crash-point',
  comesBack: true,

  /** Every point in turn, so that a few crashes have met each. */
  drawn(random, before) {
    const point = IN_TURN[before % IN_TURN.length]
    return { request: randomRequest(random), ...(point === undefined ? {} : { point }) }
  },

  async inject(node, { id, point, request = 1, operation }) {
    const only = operation === undefined ? {} : { operation }
    const order = { type: 'crash-at', id, point, request, ...only }
    if (await node.keeper.call(order, 'crash-armed', ANSWER_WAIT_MS)) return
    throw new ApiError(504, 'FAULT_NOT_ARMED', `node ${node.name} did not confirm the crash order`)
  },

  async confirm(node, pid) {
    return node.pid !== pid && (await node.isGone(pid))
  },

  async heal(node, { id }) {
    const { pid, life } = node
    const cancelled = await node.keeper.call({ type: 'crash-cancel', id }, 'crash-cancelled', ANSWER_WAIT_MS)
    // A process that was only starting is not the one that got the order, and one that has just died has nothing to cancel.
    if (!cancelled && life !== 'starting' && pid !== undefined && !(await node.hasEnded(pid))) {
      throw new ApiError(504, 'FAULT_NOT_HEALED', `node ${node.name} did not confirm the cancellation`)
    }
    await node.keeper.start()
  },
}
