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
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore, type SessionKey, type SessionStore } from '@ninelives/sessions'

const SESSIONS = 100_000
const AT_ONCE = 50
const BODY = JSON.stringify({ d: { cart: 'x'.repeat(300) } })
/** The store deletes rows some twenty minutes after their expiry. */
const EXPIRED_MS = 1_800_000
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
  await using(async (store) => {
    for (let written = 0; written < sessions; written += AT_ONCE)
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, sessions - written) }, () => create(store, -EXPIRED_MS)))
  })
  // A store that is opened deletes at once what is due.
  await using(async (store) => {
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
    process.stdout.write(
      `${requests} reads and writes beside the purge of ${sessions}, the longest ${longestMs.toFixed(1)} ms late\n`,
    )
  })
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function using(work: (store: SessionStore) => Promise<void>): Promise<void> {
  const store = await openStore(url)
  await store.open()
  try {
    await work(store)
  } finally {
    await store.close()
  }
}

async function create(store: SessionStore, expiresInMs: number): Promise<SessionKey> {
  const key = randomBytes(32).toString('base64url') as SessionKey
  await store.write(key, { expectedVersion: 0, expiresAtMs: Date.now() + expiresInMs, body: BODY })
  return key
}
