/**
 * A relay to Redis that delays every answer, and counts how often a client begins to wait for one. Commands that a client sends while it
 * waits cost it no further round trip, in however many pieces they arrive; without the delay the server could answer the first piece
 * before the second arrives.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface SlowRelay {
  /** As the given one, but through the relay. */
  readonly url: string
  /** On all connections together. */
  roundTripsSoFar(): number
  stop(): void
}

const DELAY_MS = 5
const REDIS_PORT = 6_379

/** For `redis:` alone: with TLS the server's name would be wrong. */
export async function slowRelay(redisUrl: string): Promise<SlowRelay> {
  const target = new URL(redisUrl)
  const port = Number(target.port === '' ? REDIS_PORT : target.port)
  const sockets = new Set<Socket>()
  let roundTrips = 0

  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: target.hostname, port, noDelay: true })
    let waiting = false
    client.on('data', (asked) => {
      if (!waiting) roundTrips++
      waiting = true
      upstream.write(asked)
    })
    upstream.on('data', (answer) => {
      setTimeout(() => {
        waiting = false
        if (!client.destroyed) client.write(answer)
      }, DELAY_MS)
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      // A reset ends the connection; the client notices it on its own side.
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  target.hostname = '127.0.0.1'
  target.port = String((server.address() as AddressInfo).port)
  return {
    url: target.href,
    roundTripsSoFar: () => roundTrips,
    stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
