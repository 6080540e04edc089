/**
 * What the store asks of a database: one fixed statement each, so that a dialect is its statements and how they are sent. A method
 * rejects only with StoreUnavailableError: with StoreRefusedError if the database answers and takes no change, and with
 * StoreFullError if it has no room. No cause has data of a session in it.
 *
 * A row is a record or, with version 0 and no body, a fence. Rows that have expired count as absent, by the clock of the node
 * that asks (`nowMs`); they are deleted later, see sweeper.ts.
 */
import type { Notifications, SessionKey } from '../../contract.ts'
import type { Finding } from '../../findings.ts'
import type { NodeLease } from '../copies/node-lease.ts'

export interface Row {
  /** 0 for a fence. */
  readonly version: number
  readonly expiresAtMs: number
  readonly body: string
}

/** Until when a row counts, and when it is deleted. */
export interface RowTerm {
  readonly expiresAtMs: number
  readonly sweepSlot: number
}

/** How many rows one call of `sweep` deletes: as many as take `durationMs`, within these bounds. */
export interface SweepBatch {
  readonly rowsMin: number
  readonly rowsMax: number
  readonly durationMs: number
}

/**
 * `holds`: the change was made, and this node is a holder of a copy of the record as it is now. Not made, it is false, or where the row was
 * read afterwards anyway `there`, which is undefined if there was none.
 */
export type Changed = boolean | 'holds' | { readonly there: Row | undefined }

/** A database that lets nodes hold copies of records in their memory: see ../copies/node-lease.ts. */
export interface DialectCopies {
  readonly lease: NodeLease
  /** Like `read`, and makes this node a holder under this lease, if it can be one now. */
  readonly hold: (
    key: SessionKey,
    lease: string,
  ) => Promise<{ readonly row: Row | undefined; readonly isHeld: boolean }>
}

export interface Dialect {
  /** `sqlite`, `postgres` or `mysql`. */
  readonly name: string
  /** For error messages, without secrets. */
  readonly address: string
  readonly sweepBatch: SweepBatch

  /**
   * Connects, and brings the schema to what this program knows. Also rejects with StoreConfigError, for what can't be mended
   * by trying again. May be called again after it has rejected.
   */
  open(boundMs: number): Promise<void>
  read(key: SessionKey): Promise<Row | undefined>
  /** Creates the record at version 1, if there is neither a record nor a fence. */
  create(key: SessionKey, term: RowTerm, body: string, nowMs: number): Promise<Changed>
  /** Replaces the record if it has this version. */
  update(key: SessionKey, expectedVersion: number, term: RowTerm, body: string, nowMs: number): Promise<Changed>
  /** Moves the expiry of the record later, never earlier. False if there is no record. */
  extend(key: SessionKey, term: RowTerm, nowMs: number): Promise<boolean>
  /** Replaces whatever is there by a fence. */
  fence(key: SessionKey, term: RowTerm): Promise<void>
  /** Deletes so many rows of this slot and of earlier ones, if there are as many, and resolves to how many. */
  sweep(sweepSlot: number, rows: number): Promise<number>
  earliestSweepSlot(): Promise<number | undefined>
  /** Resolves if the database answers. */
  ping(): Promise<void>
  /** What is amiss while it serves all the same. */
  warnings(): readonly string[]
  /** What of its settings and state loses sessions, or may. */
  findings(): Promise<readonly Finding[]>
  /** Absent where a node can't be told that a record is about to change. */
  readonly copies?: DialectCopies
  readonly notifications?: Notifications
  close(): Promise<void>
}
