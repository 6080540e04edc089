/**
 * Sessions in a database: SQLite, PostgreSQL, or MySQL and MariaDB. Each record is a row, and each change is one statement that
 * names the version it builds on. The node's clock decides whether a record has expired. A fence is the same row with version 0
 * and no body, and stays until its end.
 *
 * The statements of each database are in sqlite.ts, postgres.ts and mysql.ts; this file makes the four verbs of them.
 */
import { type Clock, systemClock } from '../../clock.ts'
import type {
  Capabilities,
  SessionKey,
  SessionRecord,
  SessionStore,
  SessionWrite,
  WriteResult,
} from '../../contract.ts'
import type { OnStoreEvent, StoreReport } from '../../telemetry.ts'
import type { CopySource } from '../copies/cacheable-store.ts'
import { leasedCopies } from '../copies/node-lease.ts'
import type { Dialect, DialectCopies, Row, RowTerm } from './dialect.ts'
import { changeRefusals } from './refusals.ts'
import { sweeper, sweepSlot } from './sweeper.ts'

export interface DatabaseStoreOptions {
  readonly dialect: Dialect
  /** How long `open()` keeps trying. Default 10,000. */
  readonly openTimeoutMs?: number | undefined
  readonly clock?: Clock | undefined
  readonly onEvent?: OnStoreEvent | undefined
}

const WITHOUT_NOTIFICATIONS =
  'this database tells its clients nothing, so sockets look every 100 ms whether their session has ended'
const capabilities: Capabilities = {
  shared: 'held',
  survivesNodeDeath: 'held',
  survivesStoreRestart: 'held',
  fences: 'held',
}

export function databaseStore({
  dialect: database,
  openTimeoutMs = 10_000,
  clock = systemClock,
  onEvent = () => {},
}: DatabaseStoreOptions): SessionStore & { copies?: CopySource } {
  const sweeping = sweeper(database, clock)
  const refusals = changeRefusals(database, clock, onEvent)
  let opening: Promise<void> | undefined

  const open = async (): Promise<void> => {
    await database.open(openTimeoutMs)
    sweeping.start()
  }

  const term = (expiresAtMs: number): RowTerm => {
    const slot = sweepSlot(expiresAtMs)
    sweeping.note(slot)
    return { expiresAtMs, sweepSlot: slot }
  }

  /** Undefined if it is absent, expired or a fence. */
  const live = (row: Row | undefined): SessionRecord | undefined => {
    if (row === undefined || row.version === 0 || row.expiresAtMs <= clock.now()) return undefined
    return { version: row.version, expiresAtMs: row.expiresAtMs, body: row.body }
  }

  const read = async (key: SessionKey): Promise<SessionRecord | undefined> => live(await database.read(key))

  /** Also whether this node holds a copy now. */
  const write = async (
    key: SessionKey,
    { expectedVersion, expiresAtMs, body }: SessionWrite,
  ): Promise<{ result: WriteResult; holds: boolean }> => {
    const until = term(expiresAtMs)
    const written = await refusals.watched(() =>
      expectedVersion === 0
        ? database.create(key, until, body, clock.now())
        : database.update(key, expectedVersion, until, body, clock.now()),
    )
    if (written === true || written === 'holds')
      return { result: { status: 'written', version: expectedVersion + 1 }, holds: written === 'holds' }
    const current = live(written === false ? await database.read(key) : written.there)
    // The expected version was not there: if it is now, another record of this key has come meanwhile.
    if (current === undefined || current.version === expectedVersion)
      return { result: { status: 'gone' }, holds: false }
    return { result: { status: 'conflict', current }, holds: false }
  }

  const copiesOf = ({ lease, hold }: DialectCopies): CopySource =>
    leasedCopies(lease, {
      async hold(key, name) {
        if (name === undefined) return { record: await read(key), isHeld: false }
        const { row, isHeld } = await hold(key, name)
        return { record: live(row), isHeld }
      },
      write,
    })

  return {
    name: database.name,
    capabilities: {
      ...capabilities,
      notifies: database.notifications === undefined ? { excused: WITHOUT_NOTIFICATIONS } : 'held',
    },
    notifications: database.notifications,

    open() {
      opening ??= open().catch((error: unknown) => {
        opening = undefined
        throw error
      })
      return opening
    },

    read,

    write: async (key, about) => (await write(key, about)).result,

    touch: (key, expiresAtMs) => refusals.watched(() => database.extend(key, term(expiresAtMs), clock.now())),

    async destroy(key, { fenceUntilMs }) {
      await refusals.watched(() => database.fence(key, term(fenceUntilMs)))
    },

    ...(database.copies !== undefined && { copies: copiesOf(database.copies) }),

    async health() {
      await database.ping()
      await refusals.look()
    },

    report(): StoreReport {
      const warnings = [...database.warnings()]
      if (refusals.reason !== undefined) warnings.push(refusals.reason)
      if (sweeping.failure !== undefined)
        warnings.push(`${database.address} does not delete what has expired: ${sweeping.failure}`)
      return { warnings }
    },

    check: () => database.findings(),

    async close() {
      sweeping.stop()
      await database.close()
    },
  }
}
