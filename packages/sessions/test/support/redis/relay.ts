/** Stands in front of a Redis, counts the writes that pass, cuts a connection right behind one, and holds answers back. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'
import { freePort } from './server.ts'

export interface RedisRelay {
  readonly port: number
  /** How many scripts were sent through. */
  scripts: number
  /** Whether the next script that passes is the last thing its client sends; Redis still gets it. */
  cutting: boolean
  /** Lets nothing that Redis sends reach its clients any more. */
  hold(): void
}

/** `upstreamPort` may be given later, for a server that has to know the relay first. */
export async function redisRelay(t: ExecutionContext, upstream: { port?: number }): Promise<RedisRelay> {
  const sockets = new Set<Socket>()
  const answering = new Set<Socket>()
  const hold = () => {
    for (const redis of answering) redis.unpipe().pause()
  }
  const relay: RedisRelay = { port: await freePort(), scripts: 0, cutting: false, hold }
  const kept = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
  }
  const server = createServer((client) => {
    const redis = kept(connect(upstream.port ?? 0, '127.0.0.1'))
    kept(client).on('data', (sent) => {
      redis.write(sent)
      const scripts = sent.toString('latin1').match(/evalsha/g)?.length ?? 0
      relay.scripts += scripts
      if (scripts === 0 || !relay.cutting) return
      relay.cutting = false
      client.destroy()
    })
    redis.pipe(client)
    answering.add(redis)
    redis.on('close', () => answering.delete(redis))
    client.on('close', () => redis.end())
  }).listen(relay.port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return relay
}
