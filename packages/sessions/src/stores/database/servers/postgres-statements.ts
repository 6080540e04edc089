/** The schema of PostgreSQL and its statements. Those that change a record are guarded: see postgres-copies.ts. */
import type { SweepBatch } from '../dialect.ts'
import type { Migrations } from '../migrations.ts'
import { COPIES_SCHEMA, COPIES_STATEMENTS, guarded, SET_HELD, SET_UNHELD, UNHELD } from './postgres-copies.ts'
import { NOTIFY } from './postgres-notifications.ts'

/** A batch ends with a sync of the server's disk, however few rows it has. Its statements wait for no other, and no other for them. */
export const SWEEP_BATCH: SweepBatch = { rowsMin: 100, rowsMax: 1_000, durationMs: 10 }

export const MIGRATIONS: Migrations = [
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
  COPIES_SCHEMA,
]

const SET_TERM = 'expires_at_ms = $2, sweep_slot = $3'
const SET_RECORD = `${SET_TERM}, body = $4, other_body = $5, ${SET_HELD}`
export const STATEMENTS = {
  read: `SELECT version, expires_at_ms, body, other_body FROM ninelives_sessions WHERE record_key = $1`,
  readSome: `SELECT version, expires_at_ms, body, other_body, record_key FROM ninelives_sessions WHERE record_key = ANY ($1::text[])`,
  create: guarded(
    `INSERT INTO ninelives_sessions AS there (record_key, version, expires_at_ms, sweep_slot, body, other_body, holders)
      VALUES ($1, 1, $2, $3, $4, $5, $ME)
    ON CONFLICT (record_key) DO UPDATE SET version = 1, ${SET_RECORD} WHERE there.expires_at_ms <= $6 AND ${UNHELD}
    RETURNING holders IS NOT NULL`,
    7,
  ),
  update: guarded(
    `UPDATE ninelives_sessions AS there SET version = version + 1, ${SET_RECORD}
    WHERE record_key = $1 AND version = $6 AND expires_at_ms > $7 AND ${UNHELD} RETURNING holders IS NOT NULL`,
    8,
  ),
  extend: guarded(
    `UPDATE ninelives_sessions AS there
    SET expires_at_ms = greatest(expires_at_ms, $2), sweep_slot = greatest(sweep_slot, $3), ${SET_UNHELD}
    WHERE record_key = $1 AND version > 0 AND expires_at_ms > $4 AND ${UNHELD} RETURNING false`,
    5,
  ),
  fence: guarded(
    `INSERT INTO ninelives_sessions AS there (record_key, version, expires_at_ms, sweep_slot) VALUES ($1, 0, $2, $3)
    ON CONFLICT (record_key) DO UPDATE SET version = 0, ${SET_TERM}, body = NULL, other_body = NULL, ${SET_UNHELD}
    WHERE ${UNHELD} RETURNING false`,
    4,
  ),
  sweep: `DELETE FROM ninelives_sessions WHERE sweep_slot <= $1 AND record_key = ANY (ARRAY(
    SELECT record_key FROM ninelives_sessions WHERE sweep_slot <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`,
  earliest: `SELECT min(sweep_slot) FROM ninelives_sessions`,
  waitForStandby: `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = current_user
    AND application_name IN ('ninelives', 'ninelives copies') AND query_start < clock_timestamp() - $1 * interval '1 millisecond'`,
  ping: `SELECT 1 FROM ninelives_sessions WHERE record_key = ''`,
  notify: NOTIFY,
  ...COPIES_STATEMENTS,
}
