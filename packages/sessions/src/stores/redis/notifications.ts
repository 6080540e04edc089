/**
 * Texts by PUBLISH, on a channel beside the keys, and over a second connection to those that listen. In a Cluster, too, it is plain
 * pub/sub: its nodes pass a text on to all others, so a listener may be connected to any of them, and stays when slots move. Sharded
 * pub/sub spares that traffic, which does not matter with a text for each session that ends.
 */
import { Cluster } from 'ioredis'
import type { Notifications } from '../../contract.ts'
import { StoreUnavailableError } from '../../errors.ts'
import { notificationStreams } from '../../notification-stream.ts'
import { type RedisConnection, redisConnection } from './connection.ts'
import type { RedisLocation } from './url.ts'

export interface RedisNotificationsOptions {
  readonly location: RedisLocation
  readonly prefix: string
  readonly timeoutMs: number
}

export interface RedisNotifications extends Notifications {
  close(): void
}

export function redisNotifications(
  connection: RedisConnection,
  { location, prefix, timeoutMs }: RedisNotificationsOptions,
): RedisNotifications {
  const streams = notificationStreams()
  const channel = `${prefix}notifications`

  return {
    async send(text) {
      await connection.asked((redis) => redis.publish(channel, text))
    },

    listen: (on) =>
      streams.listen(async ({ text, lost }) => {
        const stream = redisConnection(streamLocation(connection, location), timeoutMs, 'stream')
        stream.client.on('message', (_channel: string, message: string) => text(message))
        try {
          await stream.open(timeoutMs)
          await stream.asked((redis) => redis.subscribe(channel))
          stream.client.on('close', lost)
          return () => stream.close()
        } catch (error) {
          stream.close()
          throw error
        }
      }, on),

    close: () => streams.close(),
  }
}

/** In a Cluster, one of its servers that this node is connected to. */
function streamLocation({ client, address }: RedisConnection, location: RedisLocation): RedisLocation {
  if (!(client instanceof Cluster)) return location
  const servers = client.nodes('all').filter(({ status }) => status === 'ready')
  const { host, port } = servers[Math.floor(Math.random() * servers.length)]?.options ?? {}
  if (host === undefined || port === undefined)
    throw new StoreUnavailableError(address, new Error('no server of the Cluster is connected'))
  return { ...location, topology: 'single', hosts: [{ host, port }] }
}
