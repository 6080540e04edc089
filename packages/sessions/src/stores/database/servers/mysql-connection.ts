/**
 * One connection to one MySQL or MariaDB, by `mysql2`, set up for the store: values are never cut to fit, and a statement reads what
 * is committed. Among several hosts a read-only one is left, because that is what a replica is.
 */
import type { Socket } from 'node:net'
import type { ResultSetHeader, RowDataPacket } from 'mysql2'
import type * as Mysql from 'mysql2'
import { withPackages } from '../../../optional-packages.ts'
import { setUpWithin } from './open-within.ts'
import type { Connection } from './pool.ts'
import { refuseMysql } from './server-version.ts'
import { type HostAddress, type ServerLocation, TIMEOUT_MS } from './url.ts'

export interface MysqlConnection extends Connection {
  readonly server: MysqlServer
  /** Prepared once for each connection. Resolves to rows as arrays, or to what was changed. */
  ask(text: string, values?: readonly MysqlValue[]): Promise<MysqlRow[] & ResultSetHeader>
  /** Not prepared: for what MySQL does not prepare. */
  apply(text: string): Promise<MysqlRow[]>
}

export type MysqlValue = string | number
type MysqlRow = readonly (string | number | null)[]

export interface MysqlServer {
  /** False: the last commits may be gone after a crash of the machine. */
  readonly syncsToDisk: boolean
}

const LOCK_WAIT_S = 1
const STATEMENT_SHARE = 0.8
const FACTS = 'SELECT VERSION(), @@global.read_only, @@global.innodb_flush_log_at_trx_commit'

/** Rejects after `boundMs`, and if the server is no primary; with StoreConfigError if it can't be used at all. */
export async function connectMysql(
  location: ServerLocation,
  { host, port }: HostAddress,
  boundMs: number,
): Promise<MysqlConnection> {
  const mysql = await driver()
  const { user, password, database, tls, hosts, settings } = location
  const { timeoutMs = TIMEOUT_MS } = settings
  const client = mysql.createConnection({
    host,
    port,
    database,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { ssl: tls }),
    connectTimeout: boundMs,
    rowsAsArray: true,
  })
  let isUsable = true
  // Without a listener, a connection that ends while idle would end the process.
  client.on('error', () => (isUsable = false))

  const connection = {
    // Not every connection that ends says so by an event.
    get isUsable() {
      return isUsable && socketOf(client).writable
    },
    ask: (text: string, values: readonly MysqlValue[] = []) =>
      settled<MysqlRow[] & ResultSetHeader>((done) => client.execute<RowDataPacket[]>(text, [...values], done)),
    apply: (text: string) => settled<MysqlRow[]>((done) => client.query<RowDataPacket[]>(text, done)),
    destroy() {
      isUsable = false
      socketOf(client).destroy()
    },
  }

  const setUp = async (): Promise<MysqlServer> => {
    await settled<void>((done) => client.connect((error) => done(error, undefined)))
    const [version, readOnly, flush] = (await connection.apply(FACTS))[0] as [string, number, number]
    const { isMariadb } = refuseMysql(`${host}:${port}`, version)
    if (readOnly !== 0 && hosts.length > 1) throw new Error('it is read-only')
    await connection.apply(
      `SET SESSION sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = ${LOCK_WAIT_S}, autocommit = 1`,
    )
    // MariaDB gives up a statement before the call ends, so that a lock of another client costs no connection. MySQL can't.
    if (isMariadb) await connection.apply(`SET SESSION max_statement_time = ${(timeoutMs * STATEMENT_SHARE) / 1_000}`)
    await connection.apply('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')
    return { syncsToDisk: flush === 1 }
  }

  return await setUpWithin(boundMs, connection, socketOf(client), setUp)
}

function settled<T>(call: (done: (error: Error | null, result: unknown) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error === null || error === undefined ? resolve(result as T) : reject(error)))
  })
}

async function driver(): Promise<typeof Mysql> {
  return await withPackages('mysql:', 'mysql2', () => import('mysql2'))
}

/** `destroy()` of mysql2 says goodbye to a server that may hang, and waits for it. */
function socketOf(client: Mysql.Connection): Socket {
  return (client as unknown as { stream: Socket }).stream
}
