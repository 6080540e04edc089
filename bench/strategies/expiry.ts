/**
 * How long a request to the database store waits while the store deletes 100,000 sessions that have expired at once: SQLite in a directory
 * of its own, or the database of a URL, in which it leaves one session.
 *
 *     node bench/strategies/expiry.ts [URL] [sessions]
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { openStore, type SessionKey, type SessionStore } from '@ninelives/sessions'

const SESSIONS = 100_000
const AT_ONCE = 50
const BODY = JSON.stringify({ d: { cart: 'x'.repeat(300) } })
/** The store deletes rows some twenty minutes after their expiry. */
const EXPIRED_MS = 1_800_000
const WRITTEN_BEFORE_MS = 3_600_000
const ALIVE_MS = 3_600_000
/** Some five times as long as 100,000 rows take in batches of 100, and longer than in batches of 25. */
const MEASURED_MS = 120_000
const REQUEST_EVERY_MS = 2
const SETTINGS = 'synchronous=NORMAL&timeoutMs=60000'

const directory = mkdtempSync(path.join(tmpdir(), 'ninelives-expiry-'))
const url = process.argv[2] ?? `sqlite:${path.join(directory, 'sessions.db')}?${SETTINGS}`
const sessions = Number(process.argv[3] ?? SESSIONS)
assert(Number.isInteger(sessions) && sessions > 0, 'node bench/strategies/expiry.ts [URL] [sessions]')

try {
  // By this clock none is due yet, so that no store deletes them while they are written.
  const realNow = Date.now
  const past = mock.method(Date, 'now', () => realNow() - WRITTEN_BEFORE_MS)
  await using(async (store) => {
    for (let written = 0; written < sessions; written += AT_ONCE)
      await Promise.all(
        Array.from({ length: Math.min(AT_ONCE, sessions - written) }, () =>
          create(store, WRITTEN_BEFORE_MS - EXPIRED_MS),
        ),
      )
  })
  past.mock.restore()
  const before = await expired()
  assert(before >= sessions, `${before} of ${sessions} are there`)
  // A store that is opened deletes at once what is due.
  const { requests, longestMs } = await using(async (store) => {
    const key = await create(store, ALIVE_MS)
    let [requests, longestMs, version] = [0, 0, 1]
    for (const endAtMs = performance.now() + MEASURED_MS; performance.now() < endAtMs; requests++) {
      const dueAtMs = performance.now() + REQUEST_EVERY_MS
      await sleep(REQUEST_EVERY_MS)
      await store.read(key)
      const written = await store.write(key, {
        expectedVersion: version,
        expiresAtMs: Date.now() + ALIVE_MS,
        body: BODY,
      })
      assert(written.status === 'written')
      version = written.version
      longestMs = Math.max(longestMs, performance.now() - dueAtMs)
    }
    return { requests, longestMs }
  })
  const left = await expired()
  process.stdout.write(
    `${requests} reads and writes beside the purge of ${before - left} sessions, the longest ${longestMs.toFixed(1)} ms late\n` +
      (left === 0 ? '' : `The purge was not over: ${left} were left\n`),
  )
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function using<T>(work: (store: SessionStore) => Promise<T>): Promise<T> {
  const store = await openStore(url)
  await store.open()
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

async function create(store: SessionStore, expiresInMs: number): Promise<SessionKey> {
  const key = randomBytes(32).toString('base64url') as SessionKey
  const { status } = await store.write(key, { expectedVersion: 0, expiresAtMs: Date.now() + expiresInMs, body: BODY })
  assert.equal(status, 'written')
  return key
}

/** How many sessions of the database have expired, and are there. */
async function expired(): Promise<number> {
  const count = `SELECT count(*) AS count FROM ninelives_sessions WHERE expires_at_ms <= ${Date.now()}`
  const { protocol } = new URL(url)
  if (protocol === 'sqlite:') {
    const database = new DatabaseSync(url.replace(/^sqlite:/, '').replace(/\?.*$/, ''), { readOnly: true })
    try {
      return Number(database.prepare(count).get()?.['count'])
    } finally {
      database.close()
    }
  }
  const address = url.replace(/\?.*$/, '')
  if (protocol === 'mysql:' || protocol === 'mariadb:') {
    const connection = await mysql.createConnection(address.replace(/^mariadb:/, 'mysql:'))
    try {
      const [rows] = await connection.query<mysql.RowDataPacket[]>(count)
      return Number(rows[0]?.['count'])
    } finally {
      await connection.end()
    }
  }
  const client = new pg.Client({ connectionString: address })
  await client.connect()
  try {
    const { rows } = await client.query<{ count: string }>(count)
    return Number(rows[0]?.count)
  } finally {
    await client.end()
  }
}
