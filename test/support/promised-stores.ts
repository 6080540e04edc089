/** Stores of a test's own: what each holds can be read past the session layer, and a server can be taken away. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { ExecutionContext } from 'ava'
import { Redis } from 'ioredis'
import { redisMissing, redisServer } from '../../packages/node/test/support/redis-server.ts'
import { mariadbMissing, mariadbServer } from '../../packages/sessions/test/support/database/mariadb-server.ts'
import { postgresMissing, postgresServer } from '../../packages/sessions/test/support/database/postgres-server.ts'

type Owner = Pick<ExecutionContext, 'teardown'>

export interface PromisedStore {
  readonly url: string
  /** All that it holds. */
  contents(): Promise<string>
  /** Absent where there is no server. */
  kill?(): Promise<void>
  start?(): Promise<void>
}

export interface StoreKind {
  readonly name: string
  /** Why it can't be tested here. */
  readonly missing: string | undefined
  readonly isFile?: true
  /** Gone with the test. */
  open(t: Owner): Promise<PromisedStore>
}

export const redisKind: StoreKind = {
  name: 'redis',
  missing: redisMissing,
  async open(t) {
    const server = await redisServer(t)
    return {
      ...server,
      async contents() {
        const admin = new Redis(server.url)
        try {
          const keys = await admin.keys('*')
          // Only hashes are records.
          const values = await Promise.all(keys.map((key) => admin.hgetall(key).catch(() => undefined)))
          return JSON.stringify([keys, values])
        } finally {
          admin.disconnect()
        }
      },
    }
  },
}

const sqliteKind: StoreKind = {
  name: 'sqlite',
  missing: undefined,
  isFile: true,
  open(t) {
    const directory = mkdtempSync(join(tmpdir(), 'ninelives-promises-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'sessions.db')
    const contents = (): Promise<string> => {
      const database = new DatabaseSync(file, { readOnly: true })
      const rows = database.prepare('SELECT * FROM ninelives_sessions').all()
      database.close()
      return Promise.resolve(JSON.stringify(rows))
    }
    return Promise.resolve({ url: `sqlite:${file}`, contents })
  },
}

const postgresKind: StoreKind = {
  name: 'postgres',
  missing: postgresMissing,
  async open(t) {
    const server = await postgresServer()
    t.teardown(() => server.stop())
    const all = "SELECT coalesce(string_agg(each::text, ' '), '') FROM ninelives_sessions each"
    return { ...server, contents: async () => String(await server.ask(all)), start: () => server.start() }
  },
}

const mariadbKind: StoreKind = {
  name: 'mariadb',
  missing: mariadbMissing,
  async open(t) {
    const server = await mariadbServer()
    t.teardown(() => server.stop())
    const table = `${new URL(server.url).pathname.slice(1)}.ninelives_sessions`
    const all = `SELECT coalesce(group_concat(concat_ws(' ', record_key, body) SEPARATOR ' '), '') FROM ${table}`
    return { ...server, contents: async () => String(await server.ask(all)), start: () => server.start() }
  },
}

export const databaseKinds = [sqliteKind, postgresKind, mariadbKind] as const

export function hybridOver(kind: StoreKind): StoreKind {
  return {
    ...kind,
    name: `hybrid over ${kind.name}`,
    async open(t) {
      const store = await kind.open(t)
      return { ...store, url: `hybrid:?over=${encodeURIComponent(store.url)}` }
    },
  }
}
