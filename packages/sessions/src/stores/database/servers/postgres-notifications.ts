/**
 * Texts by NOTIFY, which go through the pool, and by LISTEN over a connection of its own. The first text that a connection hears is its
 * own: a pooler may have put another session behind LISTEN, or none.
 */
import { randomUUID } from 'node:crypto'
import type { Notifications } from '../../../contract.ts'
import { deadlineList } from '../../../deadlines.ts'
import { notificationStreams } from '../../../notification-stream.ts'
import type { PostgresConnection } from './postgres-connection.ts'

export interface PostgresNotificationsOptions {
  readonly timeoutMs: number
  /** Makes a connection to the primary. */
  readonly connect: () => Promise<PostgresConnection>
  readonly send: (text: string) => Promise<unknown>
}

export interface PostgresNotifications extends Notifications {
  /** Tells of each server that the pool connects to: another one does not pass on what is sent there. */
  connectedTo(serverId: string): void
  close(): void
}

const CHANNEL = 'ninelives_notifications'
/** What is told stands in a record as well, so no notification waits for the disk: the server carries out one at a time. */
export const NOTIFY = `SELECT set_config('synchronous_commit', 'off', true), pg_notify('${CHANNEL}', $1)`

export function postgresNotifications({
  timeoutMs,
  connect,
  send,
}: PostgresNotificationsOptions): PostgresNotifications {
  const answers = deadlineList(timeoutMs, () => new Error(`the server did not answer within ${timeoutMs} ms`))
  const streams = notificationStreams()
  let serverId: string | undefined

  return {
    async send(text) {
      await send(text)
    },

    listen: (on) =>
      streams.listen(async ({ text, lost }) => {
        const connection = await connect()
        const beat = `beat ${randomUUID()}`
        const heard = Promise.withResolvers<void>()
        connection.listen((said) => (said === beat ? heard.resolve() : text(said)), lost)
        try {
          // The name tells it from the others in pg_stat_activity.
          const begin = { text: `SET application_name = 'ninelives notifications'; LISTEN ${CHANNEL}` }
          await answers.within(connection.ask(begin))
          await answers.within(connection.ask({ text: NOTIFY }, [beat]))
          await answers.within(heard.promise)
          serverId = connection.server.id
          return () => connection.destroy()
        } catch (error) {
          connection.destroy()
          throw error
        }
      }, on),

    connectedTo(id) {
      if (id !== serverId) streams.renew()
    },

    close() {
      streams.close()
      answers.giveUp(() => new Error('the store was closed'))
    },
  }
}
