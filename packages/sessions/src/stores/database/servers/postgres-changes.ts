/**
 * Tells of records as they change, on whichever node: for a near-cache over a store whose URL has `notify=1`, which it must have on
 * every node that writes. PostgreSQL tells a change when it commits, on a connection of its own.
 *
 *     const feed = await postgresChanges(url, { onChange: (key, version) => ..., onLost: (reason) => ... })
 *
 * Once it resolves, no commit from then on is missed until `onLost`; a cache that was filled before knows nothing of what came before.
 * A change of the version that the cache has is its own write. Any other version, also a lower one, is another record; 0 is a fence.
 * A touch is not told, because it leaves version and body alone.
 */
import type { SessionKey } from '../../../contract.ts'
import { StoreUnavailableError } from '../../../errors.ts'
import { connectPostgres } from './postgres-connection.ts'
import { CHANNEL } from './postgres.ts'
import { toPrimary } from './primary.ts'
import { addressOf, serverLocation, TIMEOUT_MS } from './url.ts'

export interface ChangeListener {
  readonly onChange: (key: SessionKey, version: number) => void
  /** Changes may have been missed: the cache is to be dropped. Called once; after it, open another feed. */
  readonly onLost: (reason: Error) => void
}

export interface ChangeFeed {
  /**
   * Resolves when every change that was committed before the call has been told. A server that dies in silence ends no connection:
   * if it gives no answer within the URL's `timeoutMs`, the feed is lost.
   */
  confirmed(): Promise<void>
  close(): void
}

export async function postgresChanges(url: string, { onChange, onLost }: ChangeListener): Promise<ChangeFeed> {
  const location = serverLocation(url)
  const { timeoutMs = TIMEOUT_MS } = location.settings
  const connect = toPrimary({
    hosts: location.hosts,
    boundMs: timeoutMs,
    connect: (host, boundMs) => connectPostgres(location, host, boundMs),
  })
  let isOver = false

  const connection = await connect().catch((cause: unknown) => {
    throw new StoreUnavailableError(addressOf(location), cause)
  })
  const { client } = connection

  const lost = (reason: Error): void => {
    if (isOver) return
    isOver = true
    connection.destroy()
    onLost(reason)
  }

  const answered = async (text: string): Promise<void> => {
    const late = setTimeout(() => lost(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    try {
      await connection.ask({ text })
    } catch (cause) {
      lost(cause as Error)
      throw new StoreUnavailableError(addressOf(location), cause)
    } finally {
      clearTimeout(late)
    }
  }

  client.on('notification', ({ payload = '' }) => {
    const space = payload.indexOf(' ')
    onChange(payload.slice(space + 1) as SessionKey, Number(payload.slice(0, space)))
  })
  client.on('error', lost)
  client.on('end', () => lost(new Error('the connection ended')))
  await answered(`LISTEN ${CHANNEL}`)

  return {
    confirmed: () => answered('SELECT 1'),
    close() {
      isOver = true
      connection.destroy()
    },
  }
}
