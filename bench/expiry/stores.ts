/**
 * Stores in which all sessions expire at once. A database deletes rows ten to twenty minutes after their expiry: its sessions are
 * written by a clock that is an hour slow, and are due when the store is opened again by the right one. In the other stores they expire
 * while the bench runs.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findServer, freePorts, UsageError } from '@ninelives/lab'
import { openStore, type SessionStore } from '@ninelives/sessions'
import { answered, BODY, freshKey } from './contents.ts'
import { deletedKeys, dueRows } from './counts.ts'
import { type PrivateServer, privateServer } from './private-server.ts'

export interface Filling {
  readonly sessions: number
  /** How long the store is measured before the sessions may expire. */
  readonly controlMs: number
  readonly onProgress: (written: number) => void
}

/** A store with its sessions. */
export interface Filled {
  store(): SessionStore
  /** Resolves when all of them are due. */
  expire(): Promise<void>
  /** How many of them there are, `most` at most. */
  left(most: number): Promise<number>
  close(): Promise<void>
}

export interface ExpiringStore {
  readonly name: string
  readonly title: string
  /** Why this machine can't measure it. */
  readonly missing?: string | undefined
  readonly filled: (filling: Filling) => Promise<Filled>
}

const AT_ONCE = 50
const TOLD_EVERY = 20_000
/** No call may fail because the machine is busy. */
const PATIENT = 'timeoutMs=60000'
/** Longer than the twenty minutes after which a database has deleted a session. */
const EXPIRED_MS = 1_800_000
const SLOW_CLOCK_MS = 3_600_000
/** The sessions of a store where they expire by themselves have to be written within this time each. */
const WRITE_MAX_MS = 1
const MESH_NODES = 3

const sqlite = (name: string, title: string, settings: string): ExpiringStore => ({
  name,
  title,
  filled: async (filling) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'ninelives-expiry-'))
    const url = `sqlite:${path.join(directory, 'sessions.db')}?${settings}`
    return await filledDatabase(filling, url, () => rmSync(directory, { recursive: true, force: true }))
  },
})

const server = (name: 'postgres' | 'mariadb' | 'redis'): { missing?: string; begin: () => Promise<PrivateServer> } => {
  const found = findServer(name, process.env['PATH'] ?? '')
  return found === undefined
    ? { missing: `this machine has no ${name}`, begin: () => Promise.reject(new UsageError(`there is no ${name}`)) }
    : { begin: () => privateServer(found) }
}

const database = (name: 'postgres' | 'mariadb', title: string): ExpiringStore => {
  const { missing, begin } = server(name)
  return {
    name,
    title,
    missing,
    filled: async (filling) => {
      const { url, stop } = await begin()
      return await filledDatabase(filling, `${url}?${PATIENT}`, stop)
    },
  }
}

const redis = (name: string, title: string, over: (url: string) => string): ExpiringStore => {
  const { missing, begin } = server('redis')
  return {
    name,
    title,
    missing,
    filled: async (filling) => {
      const { url, stop } = await begin()
      const keys = deletedKeys(url)
      const stores = [await openStore(over(`${url}?${PATIENT}`))]
      return await filledInTime(filling, stores, keys.count, () => {
        keys.close()
        stop()
      })
    },
  }
}

const ownMemory = (name: string, title: string, stores: () => Promise<readonly SessionStore[]>): ExpiringStore => ({
  name,
  title,
  filled: async (filling) => {
    const all = await stores()
    // Beside them there is the one that requests are made to.
    const most = (): number => Math.max(0, ...all.map((store) => (store.localSessionCount?.() ?? 0) - 1))
    return await filledInTime(
      filling,
      all,
      async () => filling.sessions - most(),
      () => {},
    )
  },
})

export const EXPIRING: readonly ExpiringStore[] = [
  sqlite('sqlite', 'SQLite, synchronous=FULL', PATIENT),
  sqlite('sqlite-normal', 'SQLite, synchronous=NORMAL', `${PATIENT}&synchronous=NORMAL`),
  database('postgres', 'PostgreSQL'),
  database('mariadb', 'MariaDB'),
  redis('redis', 'Redis', (url) => url),
  redis('hybrid', 'hybrid over Redis', (url) => `hybrid:?over=${encodeURIComponent(url)}`),
  ownMemory('memory', 'memory', async () => [await openStore('memory:')]),
  ownMemory('replicated', `replicated, ${MESH_NODES} nodes in one process`, mesh),
]

async function mesh(): Promise<readonly SessionStore[]> {
  const ports = await freePorts(MESH_NODES)
  const peers = ports.map((port, index) => `n${index}=127.0.0.1:${port}`).join(',')
  return await Promise.all(
    ports.map((_, index) => openStore(`replicated:?openTimeoutMs=60000&peers=${peers}`, { nodeName: `n${index}` })),
  )
}

async function filledDatabase(filling: Filling, url: string, stop: () => void): Promise<Filled> {
  const realNow = Date.now
  const slow = mock.method(Date, 'now', () => realNow() - SLOW_CLOCK_MS)
  const rows = dueRows(url)
  let store = await openStore(url)
  const close = async (): Promise<void> => {
    slow.mock.restore()
    await store.close()
    await rows.close()
    stop()
  }
  try {
    await store.open()
    await write(store, filling, realNow() - EXPIRED_MS)
  } catch (error) {
    await close()
    throw error
  }
  return {
    store: () => store,
    async expire() {
      await store.close()
      slow.mock.restore()
      assert.equal(await rows.count(filling.sessions), filling.sessions)
      store = await openStore(url)
      // From here on it deletes what is due.
      await store.open()
    },
    left: (most) => rows.count(most),
    close,
  }
}

async function filledInTime(
  filling: Filling,
  stores: readonly SessionStore[],
  deleted: () => Promise<number>,
  stop: () => void,
): Promise<Filled> {
  const { sessions, controlMs } = filling
  const close = async (): Promise<void> => {
    await Promise.all(stores.map((store) => store.close()))
    stop()
  }
  const [store] = stores
  assert(store)
  const controlAtMs = Date.now() + sessions * WRITE_MAX_MS
  const expireAtMs = controlAtMs + controlMs
  try {
    await Promise.all(stores.map((each) => each.open()))
    await write(store, filling, expireAtMs)
    if (Date.now() > controlAtMs)
      throw new UsageError(`this machine can't write them within ${sessions * WRITE_MAX_MS} ms; give fewer --sessions`)
  } catch (error) {
    await close()
    throw error
  }
  return {
    store: () => store,
    expire: () => sleep(Math.max(0, expireAtMs - Date.now())),
    left: async (most) => Math.min(most, Math.max(0, sessions - (await deleted()))),
    close,
  }
}

async function write(store: SessionStore, { sessions, onProgress }: Filling, expiresAtMs: number): Promise<void> {
  let written = 0
  const one = async (): Promise<void> => {
    while (written < sessions) {
      if (++written % TOLD_EVERY === 0) onProgress(written)
      const { status } = await answered(() => store.write(freshKey(), { expectedVersion: 0, expiresAtMs, body: BODY }))
      assert.equal(status, 'written')
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
}
