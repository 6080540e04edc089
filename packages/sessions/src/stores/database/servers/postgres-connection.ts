/**
 * One connection to one PostgreSQL, by `pg`, set up for the store: a server that is no primary is left at once, statements are
 * given up by the server too, and a commit is on its disk before it is acknowledged unless the URL says otherwise.
 */
import type { Socket } from 'node:net'
import type { Client, QueryArrayResult } from 'pg'
import { StoreConfigError } from '../../../errors.ts'
import { withPackages } from '../../../optional-packages.ts'
import { setUpWithin } from './open-within.ts'
import type { Connection } from './pool.ts'
import { refusePostgres } from './server-version.ts'
import { type HostAddress, type ServerLocation, TIMEOUT_MS } from './url.ts'

export interface PostgresConnection extends Connection {
  readonly server: PostgresServer
  /** A statement with a name is prepared once for each connection. */
  ask(statement: Statement, values?: readonly unknown[]): Promise<QueryArrayResult>
  /** Calls `onNews` with the text of each notification, and `onLost` once when the connection is lost. */
  listen(onNews: (text: string) => void, onLost: () => void): void
}

export interface Statement {
  readonly name?: string
  readonly text: string
}

export interface PostgresServer {
  /** Another one after a restart. */
  readonly id: string
  /** False: what was committed may be gone after a crash of the machine. */
  readonly syncsToDisk: boolean
}

/** The server gives up a statement before the call ends, so that a lock of another client costs no connection. */
const STATEMENT_SHARE = 0.8
const FACTS = `SELECT pg_is_in_recovery(), current_setting('fsync') = 'on',
  current_setting('server_encoding'), current_setting('synchronous_commit'), pg_postmaster_start_time()`
type Facts = [inRecovery: boolean, fsync: boolean, encoding: string, synchronousCommit: string, startTime: string]

/** Rejects after `boundMs`, and if the server is no primary; with StoreConfigError if it can't be used at all. */
export async function connectPostgres(
  location: ServerLocation,
  { host, port }: HostAddress,
  boundMs: number,
): Promise<PostgresConnection> {
  const { Client } = await driver()
  const { user, password, database, tls, settings } = location
  const { timeoutMs = TIMEOUT_MS } = settings
  const client = new Client({
    host,
    port,
    database,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ssl: tls ?? false,
    keepAlive: true,
    application_name: 'ninelives',
    types: { getTypeParser: (type: number) => parsers[type] ?? asText },
  })
  let isUsable = true
  // Without a listener, a connection that ends while idle would end the process.
  client.on('error', () => (isUsable = false))

  const connection = {
    get isUsable() {
      return isUsable && socketOf(client).writable
    },
    ask: ({ name, text }: Statement, values: readonly unknown[] = []) =>
      client.query({ ...(name !== undefined && { name }), text, values: values as unknown[], rowMode: 'array' }),
    listen(onNews: (text: string) => void, onLost: () => void) {
      client.on('notification', ({ payload = '' }) => onNews(payload))
      socketOf(client).once('close', onLost)
    },
    destroy() {
      isUsable = false
      socketOf(client).destroy()
    },
  }

  const setUp = async (): Promise<PostgresServer> => {
    await client.connect()
    // By itself: a server that is no PostgreSQL does not know all that is asked next.
    const { rows: versions } = await connection.ask({ text: 'SELECT version()' })
    refusePostgres(`${host}:${port}`, String(versions[0]?.[0]))
    const { rows } = await connection.ask({ text: FACTS })
    const [inRecovery, fsync, encoding, serversCommit, startTime] = rows[0] as Facts
    if (encoding !== 'UTF8')
      throw new StoreConfigError(`the database '${database}' has the encoding ${encoding}, and UTF8 is supported`)
    if (inRecovery) throw new Error('it is a standby')
    const commit = settings.synchronousCommit ?? (serversCommit === 'off' ? 'on' : serversCommit)
    await client.query(
      `SET statement_timeout = ${Math.ceil(timeoutMs * STATEMENT_SHARE)}; SET synchronous_commit = ${commit};
       SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED`,
    )
    return { id: `${host}:${port}, ${startTime}`, syncsToDisk: fsync }
  }

  return await setUpWithin(boundMs, connection, socketOf(client), setUp)
}

async function driver(): Promise<{ Client: typeof Client }> {
  const { default: pg } = await withPackages('postgres:', 'pg', () => import('pg'))
  return pg
}

/** `end()` would say goodbye to a server that may hang, and wait for it. */
function socketOf(client: Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream
}

/** By the number of the type. JSON stays the text that it is. */
const parsers: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => text === 't',
  17: (hex) => Buffer.from(hex.slice(2), 'hex').toString(),
  20: Number,
  23: Number,
  701: Number,
}

function asText(text: string): string {
  return text
}
