/**
 * SQLite by `node:sqlite`, in WAL mode: the nodes of one machine share one file, and any of them may be killed at any instant.
 *
 * - Statements run on the event loop, and each takes some tens of microseconds. What could take longer does not run there: where
 *   another process holds the write lock, this one tries again from a timer (SQLite's own busy timeout would freeze the event
 *   loop), and the sync of the disk is asynchronous, see wal-sync.ts.
 * - A change whose process is killed is either in the file as a whole or not at all.
 */
import { closeSync, existsSync, openSync, realpathSync, statSync } from 'node:fs'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type * as Sqlite from 'node:sqlite'
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { StoreConfigError, StoreFullError, StoreRefusedError, StoreUnavailableError } from '../../../errors.ts'
import type { Dialect, Row, SweepBatch } from '../dialect.ts'
import { type MigratedDatabase, migrate, type Migrations } from '../migrations.ts'
import { bytesUsed, sqliteFindings } from './checks.ts'
import type { SqliteLocation } from './url.ts'
import { type Checkpoints, checkpoints } from './checkpoints.ts'
import { walSync, type WalSync } from './wal-sync.ts'

/** A batch runs on the event loop. */
const SWEEP_BATCH: SweepBatch = { rowsMin: 10, rowsMax: 500, durationMs: 3 }
/** How many pages a changed row adds to the WAL, beside its body. */
const ROW_PAGES = 3
const PAGE_CHARACTERS = 4_096
const RETRY_PAUSE_MAX_MS = 16

const MIGRATIONS: Migrations = [
  [
    `CREATE TABLE ninelives_sessions (
      record_key TEXT NOT NULL PRIMARY KEY,
      version INTEGER NOT NULL,
      expires_at_ms REAL NOT NULL,
      sweep_slot INTEGER NOT NULL,
      body TEXT NOT NULL
    )`,
    `CREATE INDEX ninelives_sessions_sweep ON ninelives_sessions (sweep_slot)`,
    `CREATE VIEW ninelives_live_sessions AS
      SELECT record_key, version, datetime(expires_at_ms / 1000, 'unixepoch') AS expires_at, length(body) AS characters,
        iif(json_valid(body), body ->> '$.u', NULL) AS user_tag, iif(json_valid(body), body -> '$.d', NULL) AS data
      FROM ninelives_sessions
      WHERE version > 0 AND record_key NOT LIKE '~%' AND expires_at_ms > (julianday('now') - 2440587.5) * 86400000`,
  ],
]

const STATEMENTS = {
  read: 'SELECT version, expires_at_ms AS expiresAtMs, body FROM ninelives_sessions WHERE record_key = ?',
  create: `INSERT INTO ninelives_sessions (record_key, version, expires_at_ms, sweep_slot, body) VALUES (?1, 1, ?2, ?3, ?4)
    ON CONFLICT (record_key) DO UPDATE SET version = 1, expires_at_ms = ?2, sweep_slot = ?3, body = ?4 WHERE expires_at_ms <= ?5`,
  update: `UPDATE ninelives_sessions SET version = version + 1, expires_at_ms = ?, sweep_slot = ?, body = ?
    WHERE record_key = ? AND version = ? AND expires_at_ms > ?`,
  extend: `UPDATE ninelives_sessions SET expires_at_ms = max(expires_at_ms, ?), sweep_slot = max(sweep_slot, ?)
    WHERE record_key = ? AND version > 0 AND expires_at_ms > ?`,
  fence: `INSERT INTO ninelives_sessions (record_key, version, expires_at_ms, sweep_slot, body) VALUES (?1, 0, ?2, ?3, '')
    ON CONFLICT (record_key) DO UPDATE SET version = 0, expires_at_ms = ?2, sweep_slot = ?3, body = ''`,
  sweep: `DELETE FROM ninelives_sessions
    WHERE rowid IN (SELECT rowid FROM ninelives_sessions WHERE sweep_slot <= ? LIMIT ?)`,
  earliest: 'SELECT min(sweep_slot) AS sweepSlot FROM ninelives_sessions',
  ping: "SELECT 1 FROM ninelives_sessions WHERE record_key = ''",
  dataVersion: 'PRAGMA data_version',
}

type Statements = Readonly<Record<keyof typeof STATEMENTS, StatementSync>>

interface Opened {
  readonly database: DatabaseSync
  readonly statements: Statements
  /** Undefined for `synchronous=NORMAL`. */
  readonly sync: WalSync | undefined
  readonly checkpoints: Checkpoints
  /** Of the file that was opened. */
  readonly inode: number
}

export interface SqliteDialect extends Dialect {
  /** Stays the same as long as no other connection has changed the database; undefined if that can't be known now. */
  readonly dataVersion: () => number | undefined
}

export function sqliteDialect(location: SqliteLocation): SqliteDialect {
  const { path, synchronous, timeoutMs, bytesMax } = location
  const address = `sqlite at ${path}`
  let opened: Opened | undefined
  let isClosed = false

  const unavailable = (cause: unknown): Error => asStoreError(address, cause)

  /** Runs the work now, or as soon as no other process holds the lock. */
  const unlocked = <T>(work: () => T, boundMs = timeoutMs): Promise<T> => {
    try {
      return Promise.resolve(work())
    } catch (error) {
      return isLocked(error) ? onceUnlocked(work, boundMs) : Promise.reject(unavailable(error))
    }
  }

  const onceUnlocked = async <T>(work: () => T, boundMs: number): Promise<T> => {
    const deadlineAtMs = performance.now() + boundMs
    for (let pauseMs = 0; ; pauseMs = Math.min(RETRY_PAUSE_MAX_MS, 2 * pauseMs + 1)) {
      // A lock is mostly held for some tens of microseconds.
      if (pauseMs === 0) await nextTurn()
      else await sleep(pauseMs * (0.5 + Math.random()))
      try {
        return work()
      } catch (error) {
        if (!isLocked(error)) throw unavailable(error)
        if (performance.now() > deadlineAtMs)
          throw unavailable(new Error(`another process has held the lock for ${boundMs} ms`))
      }
    }
  }

  const open = async (boundMs: number): Promise<Opened> => {
    const { DatabaseSync } = await sqlite()
    const database = await unlocked(() => {
      createPrivately(path)
      return new DatabaseSync(path)
    })
    try {
      await unlocked(() => useWal(database, path), boundMs)
      if (bytesMax !== undefined) limitSize(database, bytesMax)
      await migrate(
        migrated(database, address, (work) => unlocked(work, boundMs)),
        MIGRATIONS,
      )
      // Tells at once if the file or its directory can't be written to.
      await unlocked(() => database.exec('DELETE FROM ninelives_sessions WHERE false'), boundMs)
      const statements = Object.fromEntries(
        Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]),
      ) as unknown as Statements
      // Without an object and its names for each row, where this Node can: Node 22 learned it late.
      const { read } = statements as { read: Partial<Pick<Sqlite.StatementSync, 'setReturnArrays'>> }
      read.setReturnArrays?.(true)
      database.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0')
      const realPath = realpathSync(path)
      return {
        database,
        statements,
        inode: statSync(path).ino,
        sync: synchronous === 'FULL' ? walSync(`${realPath}-wal`, timeoutMs) : undefined,
        checkpoints: checkpoints(realPath, () => database.exec('PRAGMA wal_autocheckpoint = 1000')),
      }
    } catch (error) {
      database.close()
      throw unavailable(error)
    }
  }

  const use = <T>(work: (opened: Opened) => T): Promise<T> =>
    unlocked(() => {
      if (isClosed || opened === undefined) throw new Error(isClosed ? 'the store was closed' : 'the store is not open')
      return work(opened)
    })

  /** Resolves to whether a row was changed, once the change is as durable as the setting says. */
  const change = async (name: keyof Statements, body: string, ...values: SQLInputValue[]): Promise<boolean> => {
    const { isChanged, sync } = await use(({ statements, sync, checkpoints }) => {
      const isChanged = statements[name].run(...values).changes === 1
      if (isChanged) checkpoints.wrote(ROW_PAGES + body.length / PAGE_CHARACTERS)
      return { isChanged, sync }
    })
    if (isChanged && sync !== undefined) {
      await sync.synced().catch((error: unknown) => {
        throw unavailable(error)
      })
    }
    return isChanged
  }

  return {
    name: 'sqlite',
    address,
    sweepBatch: SWEEP_BATCH,

    async open(boundMs) {
      if (isClosed) throw unavailable(new Error('the store was closed'))
      const now = await open(boundMs).catch((error: unknown) => {
        throw asOpenError(address, error)
      })
      if (isClosed) await release(now)
      else opened = now
    },

    read: (key) =>
      use(({ statements }) => {
        const row = statements.read.get(key) as unknown as [number, number, string] | Row | undefined
        return Array.isArray(row) ? { version: row[0], expiresAtMs: row[1], body: row[2] } : row
      }),

    create: (key, { expiresAtMs, sweepSlot }, body, nowMs) =>
      change('create', body, key, expiresAtMs, sweepSlot, body, nowMs),

    update: (key, expectedVersion, { expiresAtMs, sweepSlot }, body, nowMs) =>
      change('update', body, expiresAtMs, sweepSlot, body, key, expectedVersion, nowMs),

    extend: (key, { expiresAtMs, sweepSlot }, nowMs) => change('extend', '', expiresAtMs, sweepSlot, key, nowMs),

    async fence(key, { expiresAtMs, sweepSlot }) {
      await change('fence', '', key, expiresAtMs, sweepSlot)
    },

    // Without a sync: what comes back after a loss of power is deleted again.
    sweep: (sweepSlot, rows) =>
      use(({ statements, checkpoints }) => {
        const deleted = statements.sweep.run(sweepSlot, rows).changes as number
        checkpoints.wrote(deleted * ROW_PAGES)
        return deleted
      }),

    earliestSweepSlot: () =>
      use(({ statements }) => (statements.earliest.get()?.['sweepSlot'] ?? undefined) as number | undefined),

    async ping() {
      await use(({ statements, inode, sync }) => {
        if (sync?.failure !== undefined) throw sync.failure
        if (statSync(path, { throwIfNoEntry: false })?.ino !== inode)
          throw new Error('its file was replaced: start the process again')
        return statements.ping.get()
      })
    },

    dataVersion() {
      try {
        return opened?.statements.dataVersion.get()?.['data_version'] as number | undefined
      } catch {
        // Another process holds the lock, as while it recovers the WAL.
        return undefined
      }
    },

    warnings: () => [],

    findings: async () => await sqliteFindings(location, await use(({ database }) => bytesUsed(database))),

    async close() {
      isClosed = true
      if (opened !== undefined) await release(opened)
      opened = undefined
    },
  }
}

/** The connection that leaves a file last removes its WAL. */
async function release({ database, sync, checkpoints }: Opened): Promise<void> {
  sync?.close()
  await checkpoints.close()
  database.close()
}

async function sqlite(): Promise<typeof Sqlite> {
  return await import('node:sqlite').catch((cause: unknown) => {
    throw new StoreConfigError('sqlite: needs Node 22.13 or newer, which has node:sqlite', cause)
  })
}

/**
 * Sessions are for the user of this process alone. Only a new file may be opened and closed here: closing a descriptor of a file
 * that SQLite has open would release SQLite's locks on it.
 */
function createPrivately(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
}

function useWal(database: DatabaseSync, path: string): void {
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
  if (mode !== 'wal') {
    throw new StoreConfigError(
      `${path} can't be used in SQLite's WAL mode (its mode is '${String(mode)}'): put it on a local disk`,
    )
  }
}

function limitSize(database: DatabaseSync, bytesMax: number): void {
  const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.['page_size'])
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(bytesMax / pageBytes))}`)
}

function migrated(
  database: DatabaseSync,
  address: string,
  unlocked: <T>(work: () => T) => Promise<T>,
): MigratedDatabase {
  const hasSchema = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'ninelives_schema'")
  return {
    address,
    version: () =>
      unlocked(() => {
        if (hasSchema.get() === undefined) return 0
        return Number(database.prepare('SELECT max(version) AS version FROM ninelives_schema').get()?.['version'] ?? 0)
      }),
    async locked(work) {
      await unlocked(() => database.exec('PRAGMA synchronous = FULL; BEGIN IMMEDIATE'))
      try {
        await work()
        database.exec('COMMIT')
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    },
    async apply(statement) {
      database.exec(statement)
    },
  }
}

/** The primary result codes of SQLite; an extended code has its primary code in the lowest byte. */
const BUSY = 5
const READONLY = 8
const IOERR = 10
const FULL = 13
const LOCKED = 6
const CANTOPEN = 14
const NOTADB = 26

/**
 * Extended codes: a write failed for another reason than a full disk. A quota that is used up is the common one. SQLite does not tell, and
 * reads go on.
 */
const WRITES_REFUSED: ReadonlySet<number> = new Set([778, 4874])

/** A directory that is not there, or without the right to write in it. */
const CANT_BE_OPENED: ReadonlySet<unknown> = new Set(['ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR', 'EROFS'])

function codeOf(error: unknown): number {
  return extendedCodeOf(error) & 0xff
}

function extendedCodeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0
}

function isLocked(error: unknown): boolean {
  const code = codeOf(error)
  return code === BUSY || code === LOCKED
}

/** What another try does not mend is a StoreConfigError. */
function asOpenError(address: string, error: unknown): unknown {
  const cause = error instanceof StoreUnavailableError ? error.cause : error
  if (!(cause instanceof Error)) return error
  const code = codeOf(cause)
  if (code === NOTADB) return new StoreConfigError(`${address} is not a SQLite database`, cause)
  if (code === CANTOPEN || ('code' in cause && CANT_BE_OPENED.has(cause.code)))
    return new StoreConfigError(
      `${address} can't be opened, or its directory can't be written to: ${cause.message}`,
      cause,
    )
  return error
}

function asStoreError(address: string, cause: unknown): Error {
  if (cause instanceof StoreUnavailableError || cause instanceof StoreConfigError) return cause
  switch (codeOf(cause)) {
    case FULL:
      return new StoreFullError(`${address}, full`, cause)
    case READONLY:
      return new StoreRefusedError(`${address}, which accepts no changes`, cause)
    case IOERR:
      if (WRITES_REFUSED.has(extendedCodeOf(cause)))
        return new StoreRefusedError(`${address}, whose disk refuses writes: a quota is used up, or it fails`, cause)
      return new StoreUnavailableError(address, cause)
    default:
      return new StoreUnavailableError(address, cause)
  }
}
