/**
 * MySQL and MariaDB by `mysql2`. A body is a text: MySQL's JSON type would not give it back as it was given. The view of the live
 * sessions shows its data as JSON.
 */
import { StoreConfigError, StoreFullError, StoreRefusedError, StoreUnavailableError } from '../../../errors.ts'
import type { Dialect, SweepBatch } from '../dialect.ts'
import { unlessOtherProgram } from '../../../other-program.ts'
import { migrate, type MigratedDatabase, type Migrations } from '../migrations.ts'
import { mysqlFindings } from './mysql-checks.ts'
import { connectMysql, type MysqlConnection, type MysqlServer, type MysqlValue } from './mysql-connection.ts'
import { openWithin, withConnection } from './open-within.ts'
import { connectionPool } from './pool.ts'
import { toPrimary } from './primary.ts'
import { addressOf, CONNECTIONS_MAX, type ServerLocation, TIMEOUT_MS } from './url.ts'

/** A batch ends with a sync of the server's disk, however few rows it has. */
const SWEEP_BATCH: SweepBatch = { rowsMin: 100, rowsMax: 1_000, durationMs: 10 }
const DEADLOCKS_MAX = 5
/** Changes nothing, and fails where nothing may be changed. */
const NEEDS_RIGHTS = 'DELETE FROM ninelives_sessions WHERE false'

/**
 * MariaDB loses the row whose growing UPDATE it refuses for want of room, as long as the table's file has less than one extent (1 MB): it
 * reserves two pages, deletes the old row, and then finds that the new one needs an extent. These rows, 2 a page, are so many that InnoDB
 * extends the file to 9 MB, which it never shrinks; from then on it reserves whole extents before it changes anything. One row a
 * statement, and what was inserted before one is refused is committed: the server ends if a full disk keeps it from undoing many rows.
 */
const ROOM_ROWS = 72
const ROOM = [
  'START TRANSACTION',
  ...Array.from(
    { length: ROOM_ROWS },
    (_, row) => `INSERT IGNORE INTO ninelives_sessions (record_key, version, expires_at_ms, sweep_slot, body)
      VALUES ('~room-${row}', 0, 0, 2147483647, REPEAT('x', 8000))`,
  ),
  "DELETE FROM ninelives_sessions WHERE record_key LIKE '~room-%'",
]

/** MySQL commits each of these by itself, so a migration that was cut off is run again from its start. */
const MIGRATIONS: Migrations = [
  [
    `CREATE TABLE IF NOT EXISTS ninelives_sessions (
      record_key VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
      version BIGINT NOT NULL,
      expires_at_ms DOUBLE NOT NULL,
      sweep_slot INT NOT NULL,
      body LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
      INDEX ninelives_sessions_sweep (sweep_slot)
    ) ENGINE = InnoDB`,
    `CREATE OR REPLACE VIEW ninelives_live_sessions AS
      SELECT record_key, version, FROM_UNIXTIME(expires_at_ms / 1000) AS expires_at, CHAR_LENGTH(body) AS characters,
        IF(JSON_VALID(body), JSON_UNQUOTE(JSON_EXTRACT(body, '$.u')), NULL) AS user_tag,
        IF(JSON_VALID(body), JSON_EXTRACT(body, '$.d'), NULL) AS data
      FROM ninelives_sessions
      WHERE version > 0 AND record_key NOT LIKE '~%' AND expires_at_ms > UNIX_TIMESTAMP(NOW(3)) * 1000`,
  ],
  ROOM,
]

const SET_TERM = 'expires_at_ms = ?, sweep_slot = ?'
const STATEMENTS = {
  read: 'SELECT version, expires_at_ms, body FROM ninelives_sessions WHERE record_key = ?',
  create: `INSERT INTO ninelives_sessions (version, expires_at_ms, sweep_slot, body, record_key) VALUES (1, ?, ?, ?, ?)`,
  replace: `UPDATE ninelives_sessions SET version = 1, ${SET_TERM}, body = ? WHERE record_key = ? AND expires_at_ms <= ?`,
  update: `UPDATE ninelives_sessions SET version = version + 1, ${SET_TERM}, body = ?
    WHERE record_key = ? AND version = ? AND expires_at_ms > ?`,
  extend: `UPDATE ninelives_sessions SET expires_at_ms = GREATEST(expires_at_ms, ?), sweep_slot = GREATEST(sweep_slot, ?)
    WHERE record_key = ? AND version > 0 AND expires_at_ms > ?`,
  fence: `INSERT INTO ninelives_sessions (version, expires_at_ms, sweep_slot, body, record_key) VALUES (0, ?, ?, '', ?)
    ON DUPLICATE KEY UPDATE version = 0, expires_at_ms = VALUES(expires_at_ms), sweep_slot = VALUES(sweep_slot), body = ''`,
  sweep: `DELETE FROM ninelives_sessions WHERE sweep_slot <= ? LIMIT ?`,
  earliest: 'SELECT MIN(sweep_slot) FROM ninelives_sessions',
  ping: "SELECT 1 FROM ninelives_sessions WHERE record_key = ''",
}
type StatementName = keyof typeof STATEMENTS

/** Numbers of MySQL's errors. */
const DUPLICATE = 1062
const DEADLOCK = 1213
const READ_ONLY: ReadonlySet<number> = new Set([1290, 1792, 1836])
const FULL: ReadonlySet<number> = new Set([1021, 1114])
/** A wrong password, or a database that is not there. */
const TURNED_AWAY: ReadonlySet<number> = new Set([1045, 1049, 1698])
const DENIED: ReadonlySet<number> = new Set([1044, 1142, 1227, 1370])

export function mysqlDialect(location: ServerLocation): Dialect {
  const { timeoutMs = TIMEOUT_MS, connectionsMax = CONNECTIONS_MAX } = location.settings
  const address = addressOf(location)
  let server: MysqlServer | undefined

  const connect = toPrimary({
    hosts: location.hosts,
    boundMs: timeoutMs,
    connect: (host, boundMs) => connectMysql(location, host, boundMs),
  })
  const pool = connectionPool({
    connectionsMax,
    timeoutMs,
    async connect() {
      const connection = await connect()
      server = connection.server
      return connection
    },
  })

  const ask = async (name: StatementName, values: readonly MysqlValue[] = []) => {
    for (let deadlocks = 0; ; deadlocks++) {
      try {
        return await pool.run((connection) => connection.ask(STATEMENTS[name], values))
      } catch (error) {
        // The server has rolled the statement back.
        if (numberOf(error) === DEADLOCK && deadlocks < DEADLOCKS_MAX) continue
        // It may have been made read-only because another server is the primary now.
        if (READ_ONLY.has(numberOf(error))) pool.dropIdle()
        throw asStoreError(address, error)
      }
    }
  }

  /** How many rows were found to be changed, also where they were as they should be. */
  const changed = async (name: StatementName, values: readonly MysqlValue[]): Promise<boolean> =>
    (await ask(name, values)).affectedRows === 1

  const tryToOpen = async (leftMs: number): Promise<void> => {
    try {
      await withConnection(connect, leftMs, async (connection) => {
        await migrate(migrated(connection, address, leftMs), MIGRATIONS)
        await connection.apply(NEEDS_RIGHTS)
      })
      await ask('ping')
    } catch (error) {
      if (DENIED.has(numberOf(error))) throw withoutRights(address, error as Error)
      throw error instanceof StoreConfigError ? error : asStoreError(address, error)
    }
  }

  return {
    name: 'mysql',
    address,
    sweepBatch: SWEEP_BATCH,

    open: (boundMs) =>
      unlessOtherProgram(
        openWithin(boundMs, tryToOpen, (error) => TURNED_AWAY.has(numberOf(error))),
        {
          program: 'MySQL or MariaDB',
          hosts: location.hosts,
        },
      ),

    async read(key) {
      const [row] = await ask('read', [key])
      if (row === undefined) return undefined
      const [version, expiresAtMs, body] = row as unknown as [number, number, string]
      return { version, expiresAtMs, body }
    },

    async create(key, { expiresAtMs, sweepSlot }, body, nowMs) {
      const values = [expiresAtMs, sweepSlot, body, key]
      try {
        return await changed('create', values)
      } catch (error) {
        if (numberOf(error) !== DUPLICATE) throw error
        return await changed('replace', [...values, nowMs])
      }
    },

    update: (key, expectedVersion, { expiresAtMs, sweepSlot }, body, nowMs) =>
      changed('update', [expiresAtMs, sweepSlot, body, key, expectedVersion, nowMs]),

    extend: (key, { expiresAtMs, sweepSlot }, nowMs) => changed('extend', [expiresAtMs, sweepSlot, key, nowMs]),

    async fence(key, { expiresAtMs, sweepSlot }) {
      await ask('fence', [expiresAtMs, sweepSlot, key])
    },

    // As a text, since mysql2 sends each number as a DOUBLE, which MySQL refuses there.
    sweep: async (sweepSlot, rows) => (await ask('sweep', [sweepSlot, String(rows)])).affectedRows,

    async earliestSweepSlot() {
      const [[slot] = [null]] = await ask('earliest')
      return slot === null ? undefined : Number(slot)
    },

    async ping() {
      await ask('ping')
    },

    warnings: () =>
      server?.syncsToDisk === false
        ? [`${address} has innodb_flush_log_at_trx_commit other than 1: a crash of its machine loses the last changes`]
        : [],

    async findings() {
      try {
        return await pool.run((connection) => mysqlFindings(connection, location))
      } catch (error) {
        throw asStoreError(address, error)
      }
    },

    async close() {
      pool.close()
    },
  }
}

function migrated(connection: MysqlConnection, address: string, boundMs: number): MigratedDatabase {
  const first = async (text: string): Promise<number> => Number((await connection.apply(text))[0]?.[0] ?? 0)
  return {
    address,
    async version() {
      const tables = await first(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'ninelives_schema'",
      )
      return tables === 0 ? 0 : await first('SELECT MAX(version) FROM ninelives_schema')
    },
    async locked(work) {
      const lock = "CONCAT(DATABASE(), '.ninelives')"
      if ((await first(`SELECT GET_LOCK(${lock}, ${Math.ceil(boundMs / 1_000)})`)) !== 1)
        throw new Error('another program has been migrating it for too long')
      try {
        await work()
      } finally {
        await connection.apply('COMMIT')
        await connection.apply(`DO RELEASE_LOCK(${lock})`).catch(() => {
          // The lock ends with the connection, which is closed after the migration.
        })
      }
    },
    async apply(statement) {
      await connection.apply(statement)
    },
  }
}

function withoutRights(address: string, cause: Error): StoreConfigError {
  return new StoreConfigError(
    `${address}: the user of the store's URL lacks a right (${cause.message}). It needs CREATE, CREATE VIEW, DROP and INDEX on the ` +
      'database for the first start, and SELECT, INSERT, UPDATE and DELETE on ninelives_sessions.',
    cause,
  )
}

function numberOf(error: unknown): number {
  const cause = error instanceof StoreUnavailableError ? error.cause : error
  return cause instanceof Error && 'errno' in cause ? Number(cause.errno) : 0
}

/** The error of `mysql2` also has the statement, and its message may have a part of a value. */
function asStoreError(address: string, error: unknown): Error {
  if (error instanceof StoreUnavailableError) return error
  const errno = numberOf(error)
  const cause = Object.assign(new Error(error instanceof Error ? error.message : String(error)), { errno })
  if (FULL.has(errno) || /\b(28\b.*No space left|122\b.*quota)/i.test(cause.message))
    return new StoreFullError(`${address}, whose disk is full`, cause)
  if (READ_ONLY.has(errno) || DENIED.has(errno))
    return new StoreRefusedError(`${address}, which accepts no changes`, cause)
  return new StoreUnavailableError(address, cause)
}
