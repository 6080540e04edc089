/**
 * PostgreSQL by `pg`. A body that is JSON is in a column of the type `json`, which keeps its text as it is (`jsonb` would not), so
 * that it can be queried; any other text is in a column of bytes, because PostgreSQL's texts can't have a NUL.
 */
import type { QueryArrayResult } from 'pg'
import type { SessionKey } from '../../../contract.ts'
import { StoreConfigError, StoreFullError, StoreRefusedError, StoreUnavailableError } from '../../../errors.ts'
import { reasonOf } from '../../copies/node-lease.ts'
import { unlessOtherProgram } from '../../../other-program.ts'
import type { Dialect, Row } from '../dialect.ts'
import { migrate, type MigratedDatabase } from '../migrations.ts'
import { openWithin, withConnection } from './open-within.ts'
import { connectionPool } from './pool.ts'
import { postgresFindings } from './postgres-checks.ts'
import { connectPostgres, type PostgresConnection, type PostgresServer } from './postgres-connection.ts'
import { changeUnheld, HOLDERS_CHARACTERS_MAX, type Sent } from './postgres-copies.ts'
import { postgresLease } from './postgres-lease.ts'
import { postgresNotifications } from './postgres-notifications.ts'
import { MIGRATIONS, STATEMENTS, SWEEP_BATCH } from './postgres-statements.ts'
import { toPrimary } from './primary.ts'
import { readsTogether } from './reads-together.ts'
import { standbyWait } from './standby-wait.ts'
import { addressOf, CONNECTIONS_MAX, type ServerLocation, TIMEOUT_MS } from './url.ts'

/** Changes nothing, and fails where nothing may be changed. */
const NEEDS_RIGHTS = 'DELETE FROM ninelives_sessions WHERE false'
/** The key of an advisory lock: 'nine' in ASCII. */
const MIGRATION_LOCK = 0x6e_69_6e_65

const LEASE_MS = 1_000
/** Of the timeout of a call: a commit that has waited for so long waits for a standby that is away. */
const WAITED_SHARE = 0.5
/** After the server has refused to let this node hold a copy. */
const HOLD_PAUSE_MS = 1_000

type StatementName = keyof typeof STATEMENTS

export function postgresDialect(location: ServerLocation): Dialect {
  const { settings } = location
  const { timeoutMs = TIMEOUT_MS, connectionsMax = CONNECTIONS_MAX, leaseMs = LEASE_MS } = settings
  const address = addressOf(location)
  let server: PostgresServer | undefined
  let holdAgainAtMs = -Infinity

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
      lease.connectedTo(server.id)
      notifications.connectedTo(server.id)
      return connection
    },
  })

  const run = (name: StatementName, values?: readonly unknown[]): Promise<QueryArrayResult> =>
    pool.run((connection) => connection.ask({ name: `ninelives_${name}`, text: STATEMENTS[name] }, values))

  const ask = async (name: StatementName, values?: readonly unknown[]): Promise<QueryArrayResult> => {
    try {
      return await run(name, values)
    } catch (error) {
      // The server may have been made read-only because another one is the primary now.
      if (codeOf(error) === READ_ONLY) pool.dropIdle()
      throw asStoreError(address, error)
    }
  }

  const readTogether = readsTogether({
    readOne: async (key) => asRow((await run('read', [key])).rows[0]),
    async readSome(keys) {
      const rows: unknown[][] = (await run('readSome', [keys])).rows
      return new Map(rows.map((row) => [row[4] as SessionKey, asRow(row)]))
    },
  })

  const read = async (key: SessionKey): Promise<Row | undefined> => {
    try {
      return await readTogether(key)
    } catch (error) {
      // One for each read: what adds to an error does it for its own request.
      throw asStoreError(address, error)
    }
  }

  const standby = standbyWait(address, async () => {
    const [row] = (await ask('waitForStandby', [timeoutMs * WAITED_SHARE])).rows
    return row?.[0] as number
  })

  /** For what is committed, and so may wait for a standby. */
  const askToCommit = async (
    name: StatementName,
    values: readonly unknown[],
    onUnknown = () => {},
  ): Promise<QueryArrayResult> => {
    await standby.over()
    try {
      return await ask(name, values)
    } catch (error) {
      if (isOutcomeUnknown(error)) {
        onUnknown()
        standby.suspected()
      }
      throw error
    }
  }

  /** A change may arrive yet after its outcome has become unknown, and must not find this node holding a copy that was read before. */
  const endLease = (): void => lease.end('the outcome of a change is unknown')

  const askToChange = async (name: StatementName, values: readonly unknown[]): Promise<Sent> => {
    const [row] = (await askToCommit(name, values, endLease)).rows as [boolean][]
    return row === undefined ? false : row[0] ? 'holds' : true
  }

  /** The body goes into one of two columns, after the three values that come first. */
  const written = async (
    name: StatementName,
    before: readonly unknown[],
    body: string,
    after: readonly unknown[],
  ): Promise<Sent> => {
    if (!body.startsWith('{')) return await askToChange(name, [...before, null, Buffer.from(body), ...after])
    try {
      return await askToChange(name, [...before, body, null, ...after])
    } catch (error) {
      if (!isUnfitForJson(error)) throw error
      return await askToChange(name, [...before, null, Buffer.from(body), ...after])
    }
  }

  const lease = postgresLease({
    leaseMs,
    connect,
    standby,
    release: (key, name) => askToCommit('release', [key, name]),
    // Sent at once, since the pool may be about to close. There is one for each lease, so few can wait for a standby.
    giveBack: (name) => ask('giveBack', [name]),
    refusal: (error) =>
      codeOf(error) === DENIED
        ? new StoreConfigError(
            `hybrid: ${address}: the user of the store's URL lacks a right (${reasonOf(error)}). It needs SELECT, INSERT, UPDATE and DELETE on ninelives_leases.`,
            error,
          )
        : undefined,
  })

  const notifications = postgresNotifications({ timeoutMs, connect, send: (text) => ask('notify', [text]) })

  const living = async (leases: readonly string[]): Promise<string[]> =>
    (await askToCommit('living', [leases])).rows.map(([name]) => name as string)

  const unheld = changeUnheld({
    async look(key) {
      const [row] = (await ask('look', [key])).rows as unknown[][]
      return { there: asRow(row), holders: (row?.[4] ?? null) as string | null }
    },
    living,
    waitFor: (key, leases) => askToCommit('waitFor', [key, leases.join(',')]),
    leaseName: () => lease.name,
    waitMaxMs: 2 * leaseMs + timeoutMs / 2,
    gaveUp: () => asStoreError(address, new Error('another node keeps its copy of the record')),
  })

  /** A server that accepts no changes is read all the same. */
  const readAndHold = async (key: SessionKey, name: string): Promise<unknown[][]> => {
    if (performance.now() >= holdAgainAtMs) {
      try {
        return (await askToCommit('hold', [key, name])).rows
      } catch (error) {
        if (!(error instanceof StoreRefusedError)) throw error
        holdAgainAtMs = performance.now() + HOLD_PAUSE_MS
      }
    }
    return (await ask('read', [key])).rows
  }

  const tidy = async (key: SessionKey, holders: string): Promise<void> => {
    const left = await living(holders.split(','))
    await askToCommit('tidy', [key, holders, left.join(',')])
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
    sweepBatch: SWEEP_BATCH,

    open: (boundMs) =>
      unlessOtherProgram(openWithin(boundMs, tryToOpen, isTurnedAway), {
        program: 'PostgreSQL',
        hosts: location.hosts,
      }),

    read,

    create: (key, { expiresAtMs, sweepSlot }, body, nowMs) =>
      unheld(
        key,
        (guard) => written('create', [key, expiresAtMs, sweepSlot], body, [nowMs, ...guard]),
        (there) => there === undefined || there.expiresAtMs <= nowMs,
      ),

    update: (key, expectedVersion, { expiresAtMs, sweepSlot }, body, nowMs) =>
      unheld(
        key,
        (guard) => written('update', [key, expiresAtMs, sweepSlot], body, [expectedVersion, nowMs, ...guard]),
        (there) => there?.version === expectedVersion && there.expiresAtMs > nowMs,
      ),

    extend: async (key, { expiresAtMs, sweepSlot }, nowMs) =>
      (await unheld(
        key,
        ([allowed]) => askToChange('extend', [key, expiresAtMs, sweepSlot, nowMs, allowed]),
        (there) => there !== undefined && there.version > 0 && there.expiresAtMs > nowMs,
      )) === true,

    async fence(key, { expiresAtMs, sweepSlot }) {
      await unheld(
        key,
        ([allowed]) => askToChange('fence', [key, expiresAtMs, sweepSlot, allowed]),
        () => true,
      )
    },

    copies: {
      lease,
      async hold(key, name) {
        const [row] = await readAndHold(key, name)
        const holders = (row?.[4] ?? '') as string
        const isHeld = holders.split(',').includes(name)
        // If it fails, another read does it.
        if (!isHeld && holders.length >= HOLDERS_CHARACTERS_MAX) tidy(key, holders).catch(() => {})
        return { row: asRow(row), isHeld }
      },
    },

    notifications,

    sweep: async (sweepSlot, rows) => (await askToCommit('sweep', [sweepSlot, rows])).rowCount ?? 0,

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
      lease.close()
      notifications.close()
      pool.close()
    },
  }
}

function asRow(row: unknown[] | undefined): Row | undefined {
  if (row === undefined) return undefined
  const [version, expiresAtMs, body, otherBody] = row as [number, number, string | null, string | null]
  return { version, expiresAtMs, body: body ?? otherBody ?? '' }
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

/** Of an error that the server has sent, except those by which it ends the connection. */
const SQLSTATE = /^(?!57P|08)[\dFHPX][\dA-Z][\dA-Z]\d[\dA-Z]$/
const DISK_FULL = '53100'
/** The server has no code of its own for it. */
const OVER_QUOTA = /Disk quota exceeded/
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

/** Not if the server has answered that it changed nothing. While it shuts down, it may answer so to a change that it has made. */
function isOutcomeUnknown(error: unknown): boolean {
  return !SQLSTATE.test(codeOf(error) ?? '')
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
  if (cause.code === DISK_FULL || OVER_QUOTA.test(cause.message))
    return new StoreFullError(`${address}, whose disk is full`, cause)
  if (REFUSALS.has(cause.code)) return new StoreRefusedError(`${address}, which accepts no changes`, cause)
  return new StoreUnavailableError(address, cause)
}
