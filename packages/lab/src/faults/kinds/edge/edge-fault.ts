import type { EdgeGroup } from '../../../edges/edges.ts'
import { ApiError } from '../../../errors.ts'
import type { Fault } from '../../contract/fault.ts'

const ANSWER_WAIT_MS = 5_000
const LOOK_WAIT_MS = 200
/** An idle edge may have no traffic for so long; the balancer probes each node about once a second. */
const LANDS_WITHIN_MS = 15_000

/** A fault on an edge's traffic. It has landed when some traffic was seen to be late, held, reset or refused. */
export function edgeFault(
  kind: string,
  traits: Pick<Fault, 'fields' | 'drawn' | 'isMomentary'> & { readonly on?: Fault['on']; readonly does?: string } = {},
): Fault<EdgeGroup> {
  const { does = kind, ...rest } = traits
  return {
    kind,
    on: ['edge'],
    needs: ['up'],
    endsWith: ['process-down'],
    landsWithinMs: LANDS_WITHIN_MS,
    ...rest,

    async inject(group, { direction, ...order }) {
      const edges = group.passages(direction)
      const message = { ...order, type: 'edges-break', kind: does, edges }
      if (await group.keeper.call(message, 'edges-broken', ANSWER_WAIT_MS)) return
      throw new ApiError(504, 'FAULT_NOT_ARMED', 'the edge process did not confirm the order')
    },

    confirm: (group, _pid, { id }) =>
      group.keeper.call({ type: 'edges-look', id, units: group.units() }, 'edges-touched', LOOK_WAIT_MS),

    async heal({ keeper }, { id }) {
      const { pid } = keeper
      if (await keeper.call({ type: 'edges-mend', id }, 'edges-mended', ANSWER_WAIT_MS)) return
      if (pid === undefined || keeper.pid !== pid) return
      throw new ApiError(504, 'FAULT_NOT_HEALED', 'the edge process did not confirm the end')
    },
  }
}
