/** What users see while the disk of a database is full, and afterwards: a disk that is full indeed, for each database. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import test, { type ExecutionContext } from 'ava'
import { StoreFullError } from '../../../src/errors.ts'
import { mariadbMissing, mariadbServer } from '../../support/database/mariadb-server.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { openDatabase, PATIENT } from '../../support/database/sessions.ts'
import { diskMissing, type SmallDisk, smallDisk } from '../../support/database/small-disk.ts'
import { type Client, client, shop } from '../../support/shop.ts'
import { until } from '../../support/until.ts'

interface Subject {
  readonly megabytes: number
  readonly missing?: string | undefined
  /** Resolves to the URL of a database on that disk. */
  readonly begin: (t: ExecutionContext, disk: SmallDisk) => Promise<string>
}

const subjects: Readonly<Record<string, Subject>> = {
  'SQLite, synchronous=FULL': {
    megabytes: 4,
    begin: async (_t, { path }) => `sqlite:${join(path, 'sessions.db')}?timeoutMs=20000`,
  },
  'SQLite, synchronous=NORMAL': {
    megabytes: 4,
    begin: async (_t, { path }) => `sqlite:${join(path, 'sessions.db')}?timeoutMs=20000&synchronous=NORMAL`,
  },
  PostgreSQL: {
    megabytes: 128,
    missing: postgresMissing,
    async begin(t, { path }) {
      const server = await postgresServer([], path)
      t.teardown(() => server.stop())
      return `${server.url}?${PATIENT}`
    },
  },
  MariaDB: {
    megabytes: 400,
    missing: mariadbMissing,
    async begin(t, { path }) {
      const server = await mariadbServer(['--innodb-log-file-size=8M'], path)
      t.teardown(() => server.stop())
      return `${server.url}?${PATIENT}`
    },
  },
}

/** Random, so that no database compresses it, and large, so that each change takes room. */
const BODY_BYTES = 20_000
const CHANGES_WHILE_FULL = 5
/** So short that reads move the expiry while the disk is full. */
const IDLE_TIMEOUT_MS = 300_000
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
      const store = await openDatabase(t, await begin(t, disk))
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

async function shows(t: ExecutionContext, browser: Client, acknowledged: number): Promise<void> {
  const answer = await browser.get('/')
  t.is(answer.status, 200)
  t.deepEqual(answer.body, { user: 'u', n: acknowledged })
}
