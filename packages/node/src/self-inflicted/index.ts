/**
 * What this process suffers from within, on orders of the lab. They come over the channel to it, as those for crashes do:
 * where there is no lab there are none, and no request can ask for one.
 */
import { clock } from './clock.ts'
import { descriptors } from './descriptors.ts'
import type { SelfInflictedFault, FaultOrder } from './self-inflicted-fault.ts'
import { memory } from './memory.ts'
import { stall } from './stall.ts'

const faults: ReadonlyMap<unknown, (order: FaultOrder) => SelfInflictedFault> = new Map<
  string,
  (order: FaultOrder) => SelfInflictedFault
>(Object.entries({ stall, memory, descriptors, clock }))

/** At a time; each order beyond that stays unanswered. */
const FAULTS_MAX = 16

export function takeFaultOrders(channel: NodeJS.Process = process): void {
  const standing = new Map<string, SelfInflictedFault>()
  channel.on('message', (message: unknown) => {
    const order = (message ?? {}) as FaultOrder
    const { type, id } = order
    if (typeof id !== 'string') return
    const known = standing.get(id)
    if (type === 'fault-begin' && known === undefined && standing.size < FAULTS_MAX) {
      const fault = faults.get(order['kind'])?.(order)
      if (fault === undefined) return
      standing.set(id, fault)
      // The answer leaves first: of a process that stands still nothing would.
      channel.send?.({ type: 'fault-begun', id }, () => void fault.begin())
    }
    if (type === 'fault-look' && known?.stands() === true) channel.send?.({ type: 'fault-stands', id })
    if (type === 'fault-end') {
      known?.end()
      standing.delete(id)
      channel.send?.({ type: 'fault-over', id })
    }
  })
}
