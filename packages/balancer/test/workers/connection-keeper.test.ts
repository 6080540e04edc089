import type { Socket } from 'node:net'
import test from 'ava'
import { pino } from 'pino'
import { ConnectionKeeper } from '../../src/workers/connection-keeper.ts'
import type { ConnectionTaker } from '../../src/workers/connection-keeper.ts'
import { ConnectionMarks } from '../../src/workers/connection-marks.ts'
import { rawClient } from '../fixtures/requests/raw.ts'
import { until } from '../fixtures/until.ts'

/** A worker that only remembers what it was handed. */
class Taker implements ConnectionTaker {
  readonly slots: number[] = []
  readonly sockets: Socket[] = []

  hand(slot: number, _entrance: unknown, socket: Socket): void {
    this.slots.push(slot)
    this.sockets.push(socket)
  }
}

test('a late report of a dead worker closes no connection that another worker has taken over', async (t) => {
  const marks = ConnectionMarks.create()
  const log = pino({ level: 'silent' })
  const keeper = new ConnectionKeeper<Taker>({ marks, connectionsMax: 10, refused() {}, log })
  t.teardown(() => {
    keeper.close()
    marks.close()
  })
  const { port } = await keeper.listen('clients', 0, '127.0.0.1')
  const [dead, other] = [new Taker(), new Taker()]
  keeper.join(dead)
  const client = await rawClient(t, port)
  await until(() => dead.slots.length === 1, { what: 'the connection to be handed over' })
  keeper.leave(dead)
  keeper.join(other)
  t.deepEqual(other.slots, dead.slots)

  keeper.closed(dead, dead.slots)
  t.false(other.sockets[0]?.destroyed)
  keeper.closed(other, other.slots)
  await client.closed
})
