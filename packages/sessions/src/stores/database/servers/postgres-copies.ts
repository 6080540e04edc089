/**
 * What a change in PostgreSQL does about the copies that other nodes hold (see ../../copies/node-lease.ts). The column `holders` lists their
 * leases, separated by commas. Each change is one statement, and the row that it changes names no holder but this node; so where no
 * other node has a copy, it costs nothing more. Else the change is sent again, with the list that it found, once the lease of each
 * other holder has ended; a lease that has ended never comes back, and its name is never used again.
 *
 * In the statements of changes `$ALLOWED` is that list, `$ME` the lease of this node, and `$WAITED` whether this change has waited.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionKey } from '../../../contract.ts'
import type { Changed, Row } from '../dialect.ts'

/** The columns of ninelives_sessions for it, the table of leases, and the news of what other hands delete. */
export const COPIES_SCHEMA: readonly string[] = [
  // Until `no_copies_until` a change waits, and no node becomes a holder.
  'ALTER TABLE ninelives_sessions ADD COLUMN holders text, ADD COLUMN no_copies_until timestamptz',
  `CREATE TABLE IF NOT EXISTS ninelives_leases (name text COLLATE "C" PRIMARY KEY, ends_at timestamptz NOT NULL) WITH (fillfactor = 50)`,
  `CREATE OR REPLACE FUNCTION ninelives_tell_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_notify('ninelives_copies', CASE TG_OP WHEN 'DELETE' THEN 'deleted ' || OLD.record_key ELSE 'deleted' END);
      RETURN NULL;
    END $$`,
  // Not for what is deleted because it has expired.
  `CREATE TRIGGER ninelives_deleted AFTER DELETE ON ninelives_sessions FOR EACH ROW
    WHEN (OLD.holders IS NOT NULL AND OLD.expires_at_ms > extract(epoch FROM clock_timestamp()) * 1000)
    EXECUTE FUNCTION ninelives_tell_deleted()`,
  `CREATE TRIGGER ninelives_truncated AFTER TRUNCATE ON ninelives_sessions FOR EACH STATEMENT
    EXECUTE FUNCTION ninelives_tell_deleted()`,
]

/** Of the row `there`. */
export const UNHELD = '(there.holders IS NULL OR there.holders = $ALLOWED::text)'
export const SET_UNHELD = 'holders = NULL, no_copies_until = NULL'
/** This node holds what it writes, unless another change waits for this record. */
export const SET_HELD = `holders = CASE WHEN $WAITED::boolean OR there.no_copies_until IS NULL OR there.no_copies_until <= clock_timestamp() THEN $ME::text END,
    no_copies_until = CASE WHEN NOT $WAITED::boolean THEN there.no_copies_until END`

/** A statement whose guard is its last values, from this number on; one that makes no holder has only the first of them. */
export function guarded(sql: string, first: number): string {
  return sql.replace(/\$(ALLOWED|ME|WAITED)\b/g, (_, name: 'ALLOWED' | 'ME' | 'WAITED') => `$${first + PLACES[name]}`)
}

const PLACES = { ALLOWED: 0, ME: 1, WAITED: 2 }
/** Leases that have ended stay on the list until the next change, or until it is so long. */
export const HOLDERS_CHARACTERS_MAX = 1_000
const LIST = `string_to_array(holders, ',')`
/** A change that waits sets `no_copies_until` a little later than it needs, as it comes again after a pause. */
const WAITING_SLACK = `interval '100 milliseconds'`

export const COPIES_STATEMENTS = {
  /**
   * Reads, and makes this node a holder. A row that a change has locked is read as it was, and not held. In the second part the list
   * is as it was when the statement began: if it names this node, a change that waits for it is still to tell it.
   */
  hold: `WITH held AS (
      UPDATE ninelives_sessions SET holders = concat_ws(',', holders, $2::text)
      WHERE record_key = (SELECT record_key FROM ninelives_sessions
        WHERE record_key = $1 AND version > 0 AND $2 <> ALL (coalesce(${LIST}, '{}'))
          AND coalesce(length(holders), 0) < ${HOLDERS_CHARACTERS_MAX} AND coalesce(no_copies_until <= clock_timestamp(), true)
        FOR NO KEY UPDATE SKIP LOCKED)
      RETURNING version, expires_at_ms, body, other_body, holders
    )
    SELECT version, expires_at_ms, body, other_body, holders FROM held
    UNION ALL SELECT version, expires_at_ms, body, other_body, holders
      FROM ninelives_sessions WHERE record_key = $1 AND NOT EXISTS (SELECT FROM held)`,
  release: `UPDATE ninelives_sessions SET holders = nullif(array_to_string(array_remove(${LIST}, $2::text), ','), '')
    WHERE record_key = $1 AND $2 = ANY (${LIST})`,
  giveBack: 'DELETE FROM ninelives_leases WHERE name = $1',
  look: 'SELECT version, expires_at_ms, body, other_body, holders FROM ninelives_sessions WHERE record_key = $1',
  /** Of these leases ($1), ends those that are over, and returns the others. One that is being renewed right now is among these. */
  living: `WITH outlived AS (
      SELECT name FROM ninelives_leases WHERE name = ANY ($1::text[]) AND ends_at <= clock_timestamp() FOR UPDATE SKIP LOCKED
    ), ended AS (DELETE FROM ninelives_leases WHERE name IN (SELECT name FROM outlived) RETURNING name)
    SELECT name FROM ninelives_leases WHERE name = ANY ($1::text[]) AND name NOT IN (SELECT name FROM ended)`,
  /** Tells the nodes of these leases ($2) to drop their copies, and lets no node become a holder before they have ended. */
  waitFor: `WITH waits AS (
      UPDATE ninelives_sessions SET no_copies_until = ${WAITING_SLACK} +
        (SELECT max(ends_at) FROM ninelives_leases WHERE name = ANY (string_to_array($2, ',')))
      WHERE record_key = $1
    ) SELECT pg_notify('ninelives_copies', 'drop ' || $2::text || ' ' || $1)`,
  /** Leaves only these ($3) of the holders ($2). */
  tidy: `UPDATE ninelives_sessions SET holders = nullif($3::text, '') WHERE record_key = $1 AND holders = $2`,
}

export interface HeldChangesOptions {
  readonly look: (key: SessionKey) => Promise<Looked>
  readonly living: (leases: readonly string[]) => Promise<readonly string[]>
  readonly waitFor: (key: SessionKey, leases: readonly string[]) => Promise<unknown>
  readonly leaseName: () => string
  readonly waitMaxMs: number
  readonly gaveUp: () => Error
}

/** The row that is there, and the leases of the nodes that hold a copy of it, separated by commas. */
export interface Looked {
  readonly there: Row | undefined
  readonly holders: string | null
}

export type Guard = readonly [allowed: string | null, me: string | null, waited: boolean]

const PAUSE_MIN_MS = 1
const PAUSE_MAX_MS = 50

/** False if no row was changed. */
export type Sent = boolean | 'holds'

/** Sends the change until it is made, or until a look at the row says that it can't be: `applies` is false. */
export type ChangeUnheld = (
  key: SessionKey,
  send: (guard: Guard) => Promise<Sent>,
  applies: (there: Row | undefined) => boolean,
) => Promise<Changed>

export function changeUnheld({
  look,
  living,
  waitFor,
  leaseName,
  waitMaxMs,
  gaveUp,
}: HeldChangesOptions): ChangeUnheld {
  return async (key, send, applies) => {
    const beganAtMs = performance.now()
    /** The list of a row whose holders' leases have all ended, but for this node's. */
    let ended: string | null = null
    let waited = false
    for (let pauseMs = PAUSE_MIN_MS; ;) {
      const me = leaseName() || null
      const changed = await send([ended ?? me, me, waited])
      if (changed !== false) return changed
      const { there, holders } = await look(key)
      if (!applies(there)) return { there }
      if (performance.now() - beganAtMs > waitMaxMs) throw gaveUp()
      const others = holders?.split(',').filter((each) => each !== me) ?? []
      const left = others.length === 0 ? [] : await living(others)
      ended = left.length === 0 ? holders : null
      if (left.length === 0) continue
      await waitFor(key, left)
      waited = true
      await sleep(pauseMs)
      pauseMs = Math.min(PAUSE_MAX_MS, 2 * pauseMs)
    }
  }
}
