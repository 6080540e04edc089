/**
 * Faults that this process inflicts on itself by order of the lab. Orders come over the IPC channel from the lab or over its port, as
 * for crashes, so without a lab there are none, and no request can order one.
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

/** The most faults at a time; an order beyond that is not answered. */
const FAULTS_MAX = 16

/** What a lab's orders come over: IPC, or a connection of its own. */
export interface OrderChannel {
  onMessage(listener: (message: FaultOrder) => void): void
  /** `sent`: the system has it. */
  send(message: FaultOrder, sent?: () => void): void
}

/** The channel to the lab that started this process. */
export const ipc: OrderChannel = {
  onMessage: (listener) => void process.on('message', (message: unknown) => listener((message ?? {}) as FaultOrder)),
  send: (message, sent) => void process.send?.(message, undefined, {}, () => sent?.()),
}

/** Returns a function that ends what stands. */
export function takeFaultOrders(channel: OrderChannel): () => void {
  const standing = new Map<string, SelfInflictedFault>()
  channel.onMessage((order) => {
    const { type, id } = order
    if (typeof id !== 'string') return
    const known = standing.get(id)
    if (type === 'fault-begin' && known === undefined && standing.size < FAULTS_MAX) {
      const fault = faults.get(order['kind'])?.(order)
      if (fault === undefined) return
      standing.set(id, fault)
      // The answer is sent first, as a stalled process could not send it.
      channel.send({ type: 'fault-begun', id }, () => void fault.begin())
    }
    if (type === 'fault-look' && known?.stands() === true) channel.send({ type: 'fault-stands', id })
    if (type === 'fault-end') {
      known?.end()
      standing.delete(id)
      channel.send({ type: 'fault-over', id })
    }
  })
  return () => {
    for (const fault of standing.values()) fault.end()
    standing.clear()
  }
}
