import test from 'ava'
import { takeFaultOrders } from '../../src/self-inflicted/index.ts'
import type { FaultOrder } from '../../src/self-inflicted/self-inflicted-fault.ts'

const HOUR_MS = 3_600_000

/** By how many hours the clock is wrong: it was right when this process began. */
function hoursWrong(): number {
  return Math.round(Math.abs(Date.now() - performance.timeOrigin - performance.now()) / HOUR_MS)
}

test('clock faults that overlap add up, and the clock is right again when all are over, in whatever order they end', (t) => {
  const lab: { order?: (message: FaultOrder) => void } = {}
  const end = takeFaultOrders({
    onMessage: (listener) => void (lab.order = listener),
    send: (_message, sent) => sent?.(),
  })
  t.teardown(end)
  lab.order?.({ type: 'fault-begin', id: 'first', kind: 'clock', skewMs: HOUR_MS })
  lab.order?.({ type: 'fault-begin', id: 'second', kind: 'clock', skewMs: 10 * HOUR_MS })
  t.is(hoursWrong(), 11)
  lab.order?.({ type: 'fault-end', id: 'first' })
  t.is(hoursWrong(), 10)
  lab.order?.({ type: 'fault-end', id: 'second' })
  t.is(hoursWrong(), 0)
})
