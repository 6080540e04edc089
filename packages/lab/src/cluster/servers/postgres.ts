import { readdirSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { LOOPBACK } from '../../supervise/ports.ts'
import { findOnPath, isExecutable } from './find-program.ts'
import type { ServerKind } from './server-kind.ts'
import { startScript } from './start-script.ts'

const USER = 'ninelives'
const DATABASE = 'postgres'
/** Both at once. Without a store that was ever open there are no sessions. */
const TRUNCATE = `DO $$ BEGIN
  TRUNCATE ninelives_lab;
  IF to_regclass('ninelives_sessions') IS NOT NULL THEN TRUNCATE ninelives_sessions; END IF;
END $$`
/** Streaming: it has all that was written before. */
const IS_WAITED_FOR =
  "SELECT (count(*) > 0)::text FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'"
const ASK_TIMEOUT_MS = 1_000
/** A standby whose primary was restarted is soon connected again, as changes wait for it. */
const RECONNECT = 'wal_retrieve_retry_interval=200ms'
const PROMOTE_WAIT_S = 2
/** Debian keeps the server's programs here, beside the PATH, a folder for each version. */
const DEBIAN = '/usr/lib/postgresql'

/** On disk, with PostgreSQL's own defaults for durability. */
export const postgres: ServerKind = {
  name: 'postgres',
  title: 'PostgreSQL',
  install: 'install it (apt-get install postgresql, brew install postgresql)',
  variable: 'DATABASE_URL=postgres://USER@HOST:PORT/DATABASE',
  find(searchPath) {
    const program = findOnPath('postgres', searchPath) ?? debians()
    // The other programs are beside it, not beside a link to it.
    return program === undefined ? undefined : realpathSync(program)
  },
  url: (port, durability) =>
    `postgres://${USER}@${LOOPBACK}:${port}/${DATABASE}${durability === undefined ? '' : `?synchronousCommit=${durability}`}`,

  command({ program, port, directory, follows }) {
    const beside = (name: string): string => path.join(path.dirname(program), name)
    const data = path.join(directory, 'data')
    const settings = [`listen_addresses=${LOOPBACK}`, 'unix_socket_directories=', RECONNECT]
    const serve = [program, '-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
    const make = (at: string): string[] =>
      follows === undefined
        ? [beside('initdb'), '-D', at, '-U', USER, '-E', 'UTF8', '--locale=C', '--auth=trust', '--no-sync']
        : [
            beside('pg_basebackup'),
            '-D',
            at,
            '-U',
            USER,
            '-h',
            LOOPBACK,
            '-p',
            String(follows),
            '-R',
            '-c',
            'fast',
            '-N',
          ]
    return startScript({ data, make, serve, anew: follows !== undefined })
  },

  answers: async (port) => (await ask(port, 'SELECT 1')) !== undefined,

  replication: {
    isPrimary: async (port) => (await ask(port, 'SELECT pg_is_in_recovery()::text')) === 'false',
    isInSync: async (port) => (await ask(port, 'SELECT status FROM pg_stat_wal_receiver')) === 'streaming',
    waitForReplica: async (port) =>
      (await synchronous(port, "SET synchronous_standby_names = 'walreceiver'")) &&
      (await ask(port, IS_WAITED_FOR)) === 'true',
    promote: async (port) => (await ask(port, `SELECT pg_promote(true, ${PROMOTE_WAIT_S})::text`)) === 'true',
    waitForNone: (port) => synchronous(port, 'RESET synchronous_standby_names'),
  },

  fullDisk: {
    files: 'data/base/',
    recover: async (port) => (await ask(port, 'SELECT 1')) !== undefined,
  },
  power: true,
  durabilities: ['on', 'off'],
  eviction: { because: 'A database deletes nothing to make room' },

  amnesia: {
    forget: async (port, mark) =>
      (await ask(port, `CREATE TABLE IF NOT EXISTS ninelives_lab (mark text)`)) !== undefined &&
      (await ask(port, `INSERT INTO ninelives_lab VALUES ('${mark}')`)) !== undefined &&
      (await ask(port, TRUNCATE)) !== undefined,
    isForgotten: async (port, mark) =>
      (await ask(port, `SELECT count(*)::text FROM ninelives_lab WHERE mark = '${mark}'`)) === '0',
  },
}

async function synchronous(port: number, setting: string): Promise<boolean> {
  return (
    (await ask(port, `ALTER SYSTEM ${setting}`)) !== undefined &&
    (await ask(port, 'SELECT pg_reload_conf()::text')) === 'true'
  )
}

/** Of the newest version. */
function debians(): string | undefined {
  try {
    const versions = readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a))
    return versions.map((version) => path.join(DEBIAN, version, 'bin/postgres')).find((file) => isExecutable(file))
  } catch {
    // There is no such folder.
    return undefined
  }
}

/** The first column of the first row, '' without a row; undefined without an answer. */
async function ask(port: number, query: string): Promise<string | undefined> {
  const { default: pg } = await import('pg')
  const timeouts = { connectionTimeoutMillis: ASK_TIMEOUT_MS, query_timeout: ASK_TIMEOUT_MS + 1_000 * PROMOTE_WAIT_S }
  const client = new pg.Client({ connectionString: postgres.url(port), ...timeouts })
  // The server died during the question, which rejects too.
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<(string | number | null)[]>({ text: query, rowMode: 'array' })
    return String(rows[0]?.[0] ?? '')
  } catch {
    // It does not answer, or refuses.
    return undefined
  } finally {
    await client.end().catch(() => undefined)
  }
}
