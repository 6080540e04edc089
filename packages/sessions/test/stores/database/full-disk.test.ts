/** What users see while the disk of a database is full, and afterwards: a disk that is full indeed, for each database. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import test, { type ExecutionContext } from 'ava'
import type { SessionKey } from '../../../src/contract.ts'
import { StoreFullError } from '../../../src/errors.ts'
import { mariadbMissing, mariadbServer, type MariadbServer } from '../../support/database/mariadb-server.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { openDatabase, PATIENT } from '../../support/database/sessions.ts'
import { diskMissing, type SmallDisk, smallDisk } from '../../support/database/small-disk.ts'
import { type Client, client, shop } from '../../support/shop.ts'
import { until } from '../../support/until.ts'

interface Subject {
  readonly megabytes: number
  readonly missing?: string | undefined
  readonly begin: (t: ExecutionContext, disk: SmallDisk) => Promise<Begun>
}

interface Begun {
  /** Of a database on that disk. */
  readonly url: string
  /** Takes the room inside the table, once the disk has none. */
  readonly takeRoom?: () => Promise<void>
}

const subjects: Readonly<Record<string, Subject>> = {
  'SQLite, synchronous=FULL': {
    megabytes: 4,
    begin: async (_t, { path }) => ({ url: `sqlite:${join(path, 'sessions.db')}?timeoutMs=20000` }),
  },
  'SQLite, synchronous=NORMAL': {
    megabytes: 4,
    begin: async (_t, { path }) => ({
      url: `sqlite:${join(path, 'sessions.db')}?timeoutMs=20000&synchronous=NORMAL`,
    }),
  },
  PostgreSQL: {
    megabytes: 128,
    missing: postgresMissing,
    async begin(t, { path }) {
      const server = await postgresServer([], path)
      t.teardown(() => server.stop())
      return { url: `${server.url}?${PATIENT}` }
    },
  },
  MariaDB: {
    megabytes: 400,
    missing: mariadbMissing,
    async begin(t, disk) {
      const server = await smallMariadb(t, disk)
      return { url: `${server.url}?${PATIENT}`, takeRoom: () => takeRoom(server) }
    },
  },
}

/** Random, so that no database compresses it, and large, so that each change takes room. */
const BODY_BYTES = 20_000
const CHANGES_WHILE_FULL = 5
/** So short that reads move the expiry while the disk is full. */
const IDLE_TIMEOUT_MS = 300_000
const GROWING_SESSIONS = 24
const GROWTHS = 30
/** What Koa answers without a body. */
const DONE = 204

for (const [name, { megabytes, missing, begin }] of Object.entries(subjects)) {
  const why = diskMissing ?? missing
  const declare = why === undefined ? test.serial : test.serial.skip
  declare(
    `${name}: with a full disk changes are 503, reads go on, no user is logged out, and all is back with the room${why === undefined ? '' : ` (skipped: ${why})`}`,
    async (t) => {
      const disk = smallDisk(megabytes)
      t.teardown(() => disk.remove())
      const { url, takeRoom: takeRoomInside } = await begin(t, disk)
      const store = await openDatabase(t, url)
      const origin = await shop(
        t,
        {
          '/login': (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u', n: 0 }),
          '/logout': (ctx) => void (ctx.session = null),
          '/change': (ctx) =>
            ctx.session?.update((draft) => {
              draft['n'] = Number(draft['n']) + 1
              draft['ballast'] = randomBytes(BODY_BYTES).toString('base64')
            }),
          '/': (ctx) => ({ user: ctx.session?.['user'], n: ctx.session?.['n'] }),
        },
        { store, idleTimeoutMs: IDLE_TIMEOUT_MS },
      )
      const browser = client(origin)
      t.is((await browser.get('/login')).status, DONE)
      t.is((await browser.get('/change')).status, DONE)
      let acknowledged = 1
      const { cookie } = browser
      const change = async (): Promise<number> => {
        const { status } = await browser.get('/change')
        if (status === DONE) acknowledged++
        return status
      }

      disk.fill()
      await takeRoomInside?.()
      await until('a change to be refused', async () => (await change()) === 503)
      for (let tries = 0; tries < CHANGES_WHILE_FULL; tries++) {
        const status = await change()
        t.true(status === 503 || status === DONE, `a change is answered with ${status}`)
        await shows(t, browser, acknowledged)
      }
      // A server may have room for a small change.
      if (name.startsWith('SQLite')) await t.throwsAsync(store.health(), { instanceOf: StoreFullError })
      t.is((await client(origin).get('/')).status, 200, 'a visitor without a session')
      t.is(browser.cookie, cookie)

      disk.free()
      await until('changes to be taken', async () => (await change()) === DONE)
      await shows(t, browser, acknowledged)
      await until('the store to be healthy', () => store.health().then(() => true))
      t.is(browser.cookie, cookie)
      t.is((await browser.get('/logout')).status, DONE)
      t.deepEqual((await browser.get('/')).body, {})
      if (name.startsWith('SQLite')) {
        const file = new DatabaseSync(join(disk.path, 'sessions.db'))
        t.deepEqual({ ...file.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' })
        file.close()
      }
    },
  )
}

// MariaDB's own bug, which the second version of its schema avoids: as plain SQL, each refused UPDATE of a table of less than 1 MB deletes its row.
const why = diskMissing ?? mariadbMissing
const declareMariadb = why === undefined ? test.serial : test.serial.skip
declareMariadb('MariaDB: a session whose growth a full disk refuses keeps what it had', async (t) => {
  const disk = smallDisk(400)
  t.teardown(() => disk.remove())
  const server = await smallMariadb(t, disk)
  const store = await openDatabase(t, `${server.url}?${PATIENT}`)
  const expiresAtMs = Date.now() + 3_600_000
  const sessions = Array.from({ length: GROWING_SESSIONS }, () => ({
    key: randomBytes(32).toString('base64url') as SessionKey,
    version: 1,
    body: 'x'.repeat(200),
  }))
  for (const { key, body } of sessions) await store.write(key, { expectedVersion: 0, expiresAtMs, body })
  // As many as take more than the 32 single pages that InnoDB gives an index before whole extents.
  await addRows(server, 1_000)
  disk.fill()
  await takeRoom(server)

  let refused = 0
  for (let round = 0; round < GROWTHS && refused < sessions.length; round++)
    for (const session of sessions) {
      const body = session.body + 'y'.repeat(100)
      try {
        const result = await store.write(session.key, { expectedVersion: session.version, expiresAtMs, body })
        t.deepEqual(result, { status: 'written', version: session.version + 1 })
        Object.assign(session, { body, version: session.version + 1 })
      } catch (error) {
        t.true(error instanceof StoreFullError, String(error))
        refused++
      }
    }
  t.true(refused > 0)
  for (const { key, version, body } of sessions)
    t.deepEqual(await store.read(key), { version, expiresAtMs, body }, `after ${refused} refused changes`)
})

async function smallMariadb(t: ExecutionContext, { path }: SmallDisk): Promise<MariadbServer> {
  const server = await mariadbServer(['--innodb-log-file-size=8M'], path)
  t.teardown(() => server.stop())
  return server
}

/** First as many as go in at once, then to the last row. */
async function takeRoom(server: MariadbServer): Promise<void> {
  const isTaken = (rows: number): Promise<boolean> =>
    addRows(server, rows).then(
      () => true,
      () => false,
    )
  for (const rows of [200, 20, 1]) while (await isTaken(rows));
}

/** Fences of random keys, which fill the pages that sessions are in. */
async function addRows(server: MariadbServer, rows: number): Promise<void> {
  await server.ask(`USE shop; INSERT INTO ninelives_sessions (record_key, version, expires_at_ms, sweep_slot, body)
    SELECT MD5(RAND()), 0, 0, 2147483647, REPEAT('x', 200) FROM seq_1_to_${rows}`)
}

async function shows(t: ExecutionContext, browser: Client, acknowledged: number): Promise<void> {
  const answer = await browser.get('/')
  t.is(answer.status, 200)
  t.deepEqual(answer.body, { user: 'u', n: acknowledged })
}
