/** How many sessions there are, asked of the server and past the store. */
import { DatabaseSync } from 'node:sqlite'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { Redis } from 'ioredis'

export interface DueRows {
  /** `most` at most, so that it is cheap to ask whether there are any. */
  count(most: number): Promise<number>
  close(): Promise<void>
}

/** As sweeper.ts of the store. */
const SLOT_MS = 600_000

/** The rows of a database that are due to be deleted. It connects at the first question. */
export function dueRows(url: string): DueRows {
  const { protocol } = new URL(url)
  const address = url.replace(/\?.*$/, '')
  if (protocol === 'sqlite:') {
    let database: DatabaseSync | undefined
    return {
      async count(most) {
        database ??= new DatabaseSync(address.replace(/^sqlite:/, ''), { readOnly: true })
        return Number(database.prepare(statement(most)).get()?.['count'])
      },
      close: async () => database?.close(),
    }
  }
  if (protocol === 'mysql:') {
    let connection: Promise<mysql.Connection> | undefined
    return {
      async count(most) {
        connection ??= mysql.createConnection(address)
        const [rows] = await (await connection).query<mysql.RowDataPacket[]>(statement(most))
        return Number(rows[0]?.['count'])
      },
      close: async () => (await connection)?.destroy(),
    }
  }
  let client: pg.Client | undefined
  return {
    async count(most) {
      if (client === undefined) {
        client = new pg.Client({ connectionString: address })
        await client.connect()
      }
      const { rows } = await client.query<{ count: string }>(statement(most))
      return Number(rows[0]?.count)
    },
    close: async () => await client?.end(),
  }
}

export interface DeletedKeys {
  /** Since the server's start. */
  readonly count: () => Promise<number>
  readonly close: () => void
}

/** The keys that Redis has deleted because they had expired. It connects at the first question. */
export function deletedKeys(url: string): DeletedKeys {
  const admin = new Redis(url, { lazyConnect: true })
  // The commands themselves reject.
  admin.on('error', () => {})
  return {
    count: async () => Number(/expired_keys:(\d+)/.exec(await admin.info('stats'))?.[1]),
    close: () => admin.disconnect(),
  }
}

function statement(most: number): string {
  const dueSlot = Math.floor(Date.now() / SLOT_MS)
  return `SELECT count(*) AS count FROM (SELECT 1 FROM ninelives_sessions WHERE sweep_slot <= ${dueSlot} LIMIT ${most}) AS due`
}
