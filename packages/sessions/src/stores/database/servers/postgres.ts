/**
 * PostgreSQL by `pg`. A body that is JSON is in a column of the type `json`, which keeps its text as it is (`jsonb` would not), so
 * that it can be queried; any other text is in a column of bytes, because PostgreSQL's texts can't have a NUL.
 */
import type { QueryArrayResult } from 'pg'
import { StoreConfigError, StoreFullError, StoreRefusedError, StoreUnavailableError } from '../../../errors.ts'
import type { Dialect } from '../dialect.ts'
import { migrate, type MigratedDatabase, type Migrations } from '../migrations.ts'
import { openWithin, withConnection } from './open-within.ts'
import { connectionPool } from './pool.ts'
import { postgresFindings } from './postgres-checks.ts'
import { connectPostgres, type PostgresConnection, type PostgresServer } from './postgres-connection.ts'
import { toPrimary } from './primary.ts'
import { addressOf, CONNECTIONS_MAX, type ServerLocation, TIMEOUT_MS } from './url.ts'

const SWEEP_ROWS_MAX = 100
/** Changes nothing, and fails where nothing may be changed. */
const NEEDS_RIGHTS = 'DELETE FROM ninelives_sessions WHERE false'
/** The key of an advisory lock: 'nine' in ASCII. */
const MIGRATION_LOCK = 0x6e_69_6e_65

const MIGRATIONS: Migrations = [
  [
    // Room in each page, so that a change of a record in use touches no index.
    `CREATE TABLE ninelives_sessions (
      record_key text COLLATE "C" PRIMARY KEY,
      version bigint NOT NULL,
      expires_at_ms double precision NOT NULL,
      sweep_slot integer NOT NULL,
      body json,
      other_body bytea
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)`,
    `CREATE INDEX ninelives_sessions_sweep ON ninelives_sessions (sweep_slot)`,
    `CREATE VIEW ninelives_live_sessions AS
      SELECT record_key, version, to_timestamp(expires_at_ms / 1000) AS expires_at, length(body::text) AS characters,
        body ->> 'u' AS user_tag, body -> 'd' AS data
      FROM ninelives_sessions
      WHERE version > 0 AND record_key NOT LIKE '~%' AND expires_at_ms > extract(epoch FROM now()) * 1000`,
  ],
]

const SET_TERM = 'expires_at_ms = $2, sweep_slot = $3'
const SET_RECORD = `${SET_TERM}, body = $4, other_body = $5`
const STATEMENTS = {
  read: `SELECT version, expires_at_ms, body, other_body FROM ninelives_sessions WHERE record_key = $1`,
  create: `INSERT INTO ninelives_sessions AS there (record_key, version, expires_at_ms, sweep_slot, body, other_body)
    VALUES ($1, 1, $2, $3, $4, $5)
    ON CONFLICT (record_key) DO UPDATE SET version = 1, ${SET_RECORD} WHERE there.expires_at_ms <= $6`,
  update: `UPDATE ninelives_sessions SET version = version + 1, ${SET_RECORD}
    WHERE record_key = $1 AND version = $6 AND expires_at_ms > $7`,
  extend: `UPDATE ninelives_sessions SET expires_at_ms = greatest(expires_at_ms, $2), sweep_slot = greatest(sweep_slot, $3)
    WHERE record_key = $1 AND version > 0 AND expires_at_ms > $4`,
  fence: `INSERT INTO ninelives_sessions (record_key, version, expires_at_ms, sweep_slot) VALUES ($1, 0, $2, $3)
    ON CONFLICT (record_key) DO UPDATE SET version = 0, ${SET_TERM}, body = NULL, other_body = NULL`,
  sweep: `DELETE FROM ninelives_sessions WHERE sweep_slot <= $1 AND record_key = ANY (ARRAY(
    SELECT record_key FROM ninelives_sessions WHERE sweep_slot <= $1 LIMIT ${SWEEP_ROWS_MAX} FOR UPDATE SKIP LOCKED))`,
  earliest: `SELECT min(sweep_slot) FROM ninelives_sessions`,
  ping: `SELECT 1 FROM ninelives_sessions WHERE record_key = ''`,
}
type StatementName = keyof typeof STATEMENTS

export function postgresDialect(location: ServerLocation): Dialect {
  const { settings } = location
  const { timeoutMs = TIMEOUT_MS, connectionsMax = CONNECTIONS_MAX } = settings
  const address = addressOf(location)
  let server: PostgresServer | undefined

  const connect = toPrimary({
    hosts: location.hosts,
    boundMs: timeoutMs,
    connect: (host, boundMs) => connectPostgres(location, host, boundMs),
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

  const ask = async (name: StatementName, values?: readonly unknown[]): Promise<QueryArrayResult> => {
    try {
      return await pool.run((connection) =>
        connection.ask({ name: `ninelives_${name}`, text: STATEMENTS[name] }, values),
      )
    } catch (error) {
      // The server may have been made read-only because another one is the primary now.
      if (codeOf(error) === READ_ONLY) pool.dropIdle()
      throw asStoreError(address, error)
    }
  }

  const changed = async (name: StatementName, values: readonly unknown[]): Promise<boolean> =>
    (await ask(name, values)).rowCount === 1

  /** The body goes into one of two columns, after the three values that come first. */
  const written = async (
    name: StatementName,
    before: readonly unknown[],
    body: string,
    after: readonly unknown[],
  ): Promise<boolean> => {
    if (!body.startsWith('{')) return await changed(name, [...before, null, Buffer.from(body), ...after])
    try {
      return await changed(name, [...before, body, null, ...after])
    } catch (error) {
      if (!isUnfitForJson(error)) throw error
      return await changed(name, [...before, null, Buffer.from(body), ...after])
    }
  }

  const tryToOpen = async (leftMs: number): Promise<void> => {
    try {
      await withConnection(connect, leftMs, async (connection) => {
        await migrate(migrated(connection, address, leftMs), MIGRATIONS)
        await connection.ask({ text: NEEDS_RIGHTS })
      })
      await ask('ping')
    } catch (error) {
      if (codeOf(error) === DENIED) throw new StoreConfigError(withoutRights(address, error as Error), error)
      throw error instanceof StoreConfigError ? error : asStoreError(address, error)
    }
  }

  return {
    name: 'postgres',
    address,
    sweepRowsMax: SWEEP_ROWS_MAX,

    open: (boundMs) => openWithin(boundMs, tryToOpen, isTurnedAway),

    async read(key) {
      const [row] = (await ask('read', [key])).rows
      if (row === undefined) return undefined
      const [version, expiresAtMs, body, otherBody] = row as [number, number, string | null, string | null]
      return { version, expiresAtMs, body: body ?? otherBody ?? '' }
    },

    create: (key, { expiresAtMs, sweepSlot }, body, nowMs) =>
      written('create', [key, expiresAtMs, sweepSlot], body, [nowMs]),

    update: (key, expectedVersion, { expiresAtMs, sweepSlot }, body, nowMs) =>
      written('update', [key, expiresAtMs, sweepSlot], body, [expectedVersion, nowMs]),

    extend: (key, { expiresAtMs, sweepSlot }, nowMs) => changed('extend', [key, expiresAtMs, sweepSlot, nowMs]),

    async fence(key, { expiresAtMs, sweepSlot }) {
      await ask('fence', [key, expiresAtMs, sweepSlot])
    },

    sweep: async (sweepSlot) => (await ask('sweep', [sweepSlot])).rowCount ?? 0,

    async earliestSweepSlot() {
      const [[slot] = [null]] = (await ask('earliest')).rows as [number | null][]
      return slot ?? undefined
    },

    async ping() {
      await ask('ping')
    },

    warnings: () =>
      server?.syncsToDisk === false
        ? [`${address} has fsync=off: a crash of its machine loses or damages sessions`]
        : [],

    async findings() {
      try {
        return await pool.run((connection) => postgresFindings(connection, location))
      } catch (error) {
        throw asStoreError(address, error)
      }
    },

    async close() {
      pool.close()
    },
  }
}

function migrated(connection: PostgresConnection, address: string, boundMs: number): MigratedDatabase {
  const apply = async (text: string): Promise<void> => void (await connection.ask({ text }))
  return {
    address,
    async version() {
      const { rows } = await connection.ask({ text: "SELECT to_regclass('ninelives_schema')" })
      if (rows[0]?.[0] === null) return 0
      return Number((await connection.ask({ text: 'SELECT max(version) FROM ninelives_schema' })).rows[0]?.[0] ?? 0)
    },
    async locked(work) {
      await apply('BEGIN')
      await apply(`SET LOCAL statement_timeout = ${Math.ceil(boundMs)}`)
      await apply(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`)
      await work()
      await apply('COMMIT')
    },
    apply,
  }
}

function withoutRights(address: string, { message }: Error): string {
  return (
    `${address}: the user of the store's URL lacks a right (${message}). It needs CREATE on the schema for the first start, and ` +
    'SELECT, INSERT, UPDATE and DELETE on ninelives_sessions.'
  )
}

const READ_ONLY = '25006'
const DENIED = '42501'
const REFUSALS: ReadonlySet<string | undefined> = new Set([READ_ONLY, DENIED])

function codeOf(error: unknown): string | undefined {
  const cause = error instanceof StoreUnavailableError ? error.cause : error
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
}

/** A wrong password, or a database that is not there. */
function isTurnedAway(error: unknown): boolean {
  return /^(28|3D000)/.test(codeOf(error) ?? '')
}

/** Not JSON, or nested deeper than the server's JSON takes. The statement has changed nothing. */
function isUnfitForJson(error: unknown): boolean {
  return /^(22|54001)/.test(codeOf(error) ?? '')
}

/** The error of `pg` also has details, and in them may be a session's body. */
function asStoreError(address: string, error: unknown): Error {
  if (error instanceof StoreUnavailableError) return error
  const cause = Object.assign(new Error(error instanceof Error ? error.message : String(error)), {
    code: codeOf(error),
  })
  if (cause.code === '53100') return new StoreFullError(`${address}, whose disk is full`, cause)
  if (REFUSALS.has(cause.code)) return new StoreRefusedError(`${address}, which accepts no changes`, cause)
  return new StoreUnavailableError(address, cause)
}
