import { randomInt } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { LOOPBACK } from '../../supervise/ports.ts'
import { findOnPath } from './find-program.ts'
import type { ServerKind } from './server-kind.ts'
import { startScript } from './start-script.ts'

const DATABASE = 'ninelives'
const SERVER_ID_MAX = 2 ** 31
const ASK_TIMEOUT_MS = 1_000
/** Ends the keys of rows that only take room. */
const BALLAST = '~lab'
const FILL_STATEMENTS_MAX = 200
/** Where Debian has the server, which an ordinary user's PATH leaves out. */
const DEBIAN = '/usr/sbin'

/** On disk, with MariaDB's own defaults for durability. */
export const mariadb: ServerKind = {
  name: 'mariadb',
  title: 'MariaDB',
  install: 'install it (apt-get install mariadb-server, brew install mariadb)',
  variable: 'DATABASE_URL=mysql://USER:PASSWORD@HOST:PORT/DATABASE',
  find: (searchPath) => findOnPath('mariadbd', `${searchPath}${path.delimiter}${DEBIAN}`),
  url: (port) => `mysql://root@${LOOPBACK}:${port}/${DATABASE}`,

  command({ program, port, directory, follows }) {
    const data = path.join(directory, 'data')
    const init = path.join(directory, 'init.sql')
    // A server that starts deletes the temporary tables of every other one in the same directory.
    const temporary = path.join(directory, 'tmp')
    mkdirSync(temporary, { recursive: true })
    writeFileSync(init, follows === undefined ? `CREATE DATABASE IF NOT EXISTS ${DATABASE};\n` : following(follows))
    // Its argument --tmpdir may hold no space.
    const install = [
      'env',
      `TMPDIR=${temporary}`,
      'mariadb-install-db',
      '--no-defaults',
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ]
    const make = (at: string): string[] => [...install, `--datadir=${at}`]
    const socket = ['--socket=mysql.sock', `--bind-address=${LOOPBACK}`, `--port=${port}`, '--skip-name-resolve']
    // A replica skips changes by its own id, which it made as the primary: each life has another id.
    const log = ['--log-bin=log', '--log-slave-updates', `--server-id=${randomInt(1, SERVER_ID_MAX)}`]
    const serve = [
      program,
      '--no-defaults',
      `--datadir=${data}`,
      `--tmpdir=${temporary}`,
      `--init-file=${init}`,
      ...socket,
      ...log,
    ]
    return startScript({ data, make, serve, anew: follows !== undefined })
  },

  answers: async (port) => (await ask(port, 'SELECT 1')) !== undefined,

  replication: {
    isPrimary: async (port) => (await ask(port, 'SHOW SLAVE STATUS'))?.length === 0,
    isInSync: async (port) => (await ask(port, 'SHOW SLAVE STATUS'))?.[0]?.['Seconds_Behind_Master'] === 0,
    async promote(port) {
      await ask(port, 'STOP SLAVE')
      return (await ask(port, 'RESET SLAVE ALL')) !== undefined
    },
  },

  fullDisk: {
    files: `data/${DATABASE}/`,
    async fill(port) {
      // First as many as go in at once, then to the last row.
      for (const rows of [200, 20, 1])
        for (let count = 0; count < FILL_STATEMENTS_MAX && (await ask(port, ballast(rows))) !== undefined; count++);
    },
    recover: async (port) =>
      (await ask(port, `DELETE FROM ninelives_sessions WHERE record_key LIKE '%${BALLAST}'`)) !== undefined,
  },
  power: { because: 'MariaDB writes past the C library, where the lab records writes' },
  durabilities: [],
  eviction: { because: 'A database deletes nothing to make room' },

  amnesia: {
    forget: async (port, mark) =>
      (await ask(port, 'CREATE TABLE IF NOT EXISTS ninelives_lab (mark text)')) !== undefined &&
      (await ask(port, `INSERT INTO ninelives_lab VALUES ('${mark}')`)) !== undefined &&
      ((await ask(port, "SHOW TABLES LIKE 'ninelives_sessions'"))?.length === 0 ||
        (await ask(port, 'DELETE FROM ninelives_sessions')) !== undefined) &&
      (await ask(port, 'DELETE FROM ninelives_lab')) !== undefined,
    isForgotten: async (port, mark) =>
      (await ask(port, `SELECT mark FROM ninelives_lab WHERE mark = '${mark}'`))?.length === 0,
  },
}

/** Fences of random keys, which fill the pages that sessions are in. */
function ballast(rows: number): string {
  return `INSERT INTO ninelives_sessions (record_key, version, expires_at_ms, sweep_slot, body)
    SELECT CONCAT(TO_BASE64(UNHEX(MD5(RAND()))), '${BALLAST}'), 0, 0, 2147483647, REPEAT('x', 200) FROM seq_1_to_${rows}`
}

/** From the primary's first change on, as a replica begins empty. */
function following(port: number): string {
  const primary = `MASTER_HOST='${LOOPBACK}', MASTER_PORT=${port}, MASTER_USER='root', MASTER_CONNECT_RETRY=1`
  return `CHANGE MASTER TO ${primary}, MASTER_USE_GTID=slave_pos;\nSTART SLAVE;\n`
}

/** The rows; none for a statement without; undefined without an answer. */
async function ask(port: number, statement: string): Promise<readonly Record<string, unknown>[] | undefined> {
  const { createConnection } = await import('mysql2/promise')
  const where = { host: LOOPBACK, port, user: 'root', database: DATABASE, connectTimeout: ASK_TIMEOUT_MS }
  try {
    const connection = await createConnection(where)
    // The server died during the question, which rejects too.
    connection.on('error', () => undefined)
    try {
      const [rows] = await connection.query({ sql: statement, timeout: ASK_TIMEOUT_MS })
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
    } finally {
      connection.destroy()
    }
  } catch {
    // It does not answer, or refuses.
    return undefined
  }
}
