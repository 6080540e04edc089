import type { NodeMember } from '../../../cluster/member.ts'
import { ApiError } from '../../../errors.ts'
import type { Fault } from '../../contract/fault.ts'

/** A node that takes longer is too busy to be broken on purpose. */
const ANSWER_WAIT_MS = 5_000
/** To fill the heap takes time, and so does an answer with a full heap. */
const LOOK_WAIT_MS = 1_000
const HEAL_WAIT_MS = 10_000

/** A fault that a node inflicts on itself: it gets the order over its channel, and reports whether the fault stands. */
export function selfInflictedFault(
  kind: string,
  traits: Pick<Fault, 'fields' | 'landsWithinMs' | 'drawn'> = {},
): Fault<NodeMember> {
  return {
    kind,
    on: ['node'],
    ...traits,
    needs: ['up'],
    endsWith: ['node-down'],

    async inject(node, order) {
      const begun = await node.keeper.call({ type: 'fault-begin', kind, ...order }, 'fault-begun', ANSWER_WAIT_MS)
      if (!begun) throw new ApiError(504, 'FAULT_NOT_ARMED', `node ${node.name} did not confirm the order`)
    },

    confirm: (node, _pid, { id }) => node.keeper.call({ type: 'fault-look', id }, 'fault-stands', LOOK_WAIT_MS),

    async heal(node, { id }) {
      const { pid, life } = node
      const over = await node.keeper.call({ type: 'fault-end', id }, 'fault-over', HEAL_WAIT_MS)
      // A process that was only starting is not the one that has the fault, and one that has just died has it no more.
      if (over || pid === undefined || life === 'starting' || (await node.hasEnded(pid))) return
      throw new ApiError(504, 'FAULT_NOT_HEALED', `node ${node.name} did not confirm the end`)
    },
  }
}
