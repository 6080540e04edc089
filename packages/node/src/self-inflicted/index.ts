/**
 * What this process suffers from within, on orders of the lab. They come over the channel to it, as those for crashes do:
 * where there is no lab there are none, and no request can ask for one.
 */
import { clock } from './clock.ts'
import { descriptors } from './descriptors.ts'
import type { Hardship, HardshipOrder } from './self-inflicted-fault.ts'
import { memory } from './memory.ts'
import { stall } from './stall.ts'

const hardships: ReadonlyMap<unknown, (order: HardshipOrder) => Hardship> = new Map<
  string,
  (order: HardshipOrder) => Hardship
>(Object.entries({ stall, memory, descriptors, clock }))

/** At a time; each order beyond that stays unanswered. */
const HARDSHIPS_MAX = 16

export function sufferForLab(channel: NodeJS.Process = process): void {
  const suffered = new Map<string, Hardship>()
  channel.on('message', (message: unknown) => {
    const order = (message ?? {}) as HardshipOrder
    const { type, id } = order
    if (typeof id !== 'string') return
    const known = suffered.get(id)
    if (type === 'hardship-begin' && known === undefined && suffered.size < HARDSHIPS_MAX) {
      const hardship = hardships.get(order['kind'])?.(order)
      if (hardship === undefined) return
      suffered.set(id, hardship)
      // The answer leaves first: of a process that stands still nothing would.
      channel.send?.({ type: 'hardship-begun', id }, () => void hardship.begin())
    }
    if (type === 'hardship-look' && known?.stands() === true) channel.send?.({ type: 'hardship-stands', id })
    if (type === 'hardship-end') {
      known?.end()
      suffered.delete(id)
      channel.send?.({ type: 'hardship-over', id })
    }
  })
}
