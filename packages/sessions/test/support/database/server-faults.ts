/** What a store does when its database server is killed, paused, read-only, full, or locked: the same for each server. */
import { inspect } from 'node:util'
import test from 'ava'
import type { SessionKey } from '../../../src/contract.ts'
import { StoreConfigError, StoreFullError, StoreRefusedError, StoreUnavailableError } from '../../../src/errors.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import type { StoreEvent } from '../../../src/telemetry.ts'
import { change, creation, freshKey, inAnHour } from '../records.ts'
import { client, shop } from '../shop.ts'
import { until } from '../until.ts'
import { healthy, openDatabase, PATIENT } from './sessions.ts'

export interface DatabaseServer {
  readonly url: string
  ask(sql: string): Promise<unknown>
  signal(signal: NodeJS.Signals): void
  kill(): Promise<void>
  start(settings?: readonly string[]): Promise<void>
  stop(): Promise<void>
}

export interface FaultySubject {
  readonly server: () => Promise<DatabaseServer>
  readonly readOnly: (server: DatabaseServer, isReadOnly: boolean) => Promise<unknown>
  /** The server answers each change as if its disk were full. */
  readonly full: (server: DatabaseServer, isFull: boolean) => Promise<unknown>
  /** Holds the lock of the record for so long. */
  readonly lock: (server: DatabaseServer, key: string, seconds: number) => Promise<unknown>
  /** How many versions of its schema there have been. */
  readonly schemaVersion: number
  /** Makes a user who may read and write in no table, and a database of its own; resolves to the URL. */
  readonly withoutRights: (server: DatabaseServer) => Promise<string>
}

const UNAVAILABLE = { instanceOf: StoreUnavailableError }
const QUICK = 'timeoutMs=1500'

export function bearsFaults({
  server: startServer,
  readOnly,
  full,
  lock,
  schemaVersion,
  withoutRights,
}: FaultySubject): void {
  const starting = startServer()
  test.after.always(async () => (await starting).stop())

  test.serial('a server that is killed is unavailable at once, and has every session when it is back', async (t) => {
    const server = await starting
    const store = await openDatabase(t, `${server.url}?${QUICK}`)
    const key = freshKey()
    await store.write(key, creation('kept'))
    await server.kill()
    await t.throwsAsync(store.read(key), UNAVAILABLE)
    await t.throwsAsync(store.write(key, change(1)), UNAVAILABLE)
    await t.throwsAsync(store.touch(key, inAnHour()), UNAVAILABLE)
    await t.throwsAsync(store.destroy(key, { fenceUntilMs: inAnHour() }), UNAVAILABLE)
    await t.throwsAsync(store.health(), UNAVAILABLE)
    await server.start()
    await healthy(store)
    t.is((await store.read(key))?.body, 'kept')
    t.is((await store.write(key, change(1))).status, 'written')
  })

  test.serial('a server that hangs is given up on within the timeout, and serves again when it goes on', async (t) => {
    const server = await starting
    const store = await openDatabase(t, `${server.url}?${QUICK}&connectionsMax=3`)
    const key = freshKey()
    await store.write(key, creation())
    server.signal('SIGSTOP')
    t.teardown(() => server.signal('SIGCONT'))
    const startedAtMs = performance.now()
    const calls = [store.write(key, change(1)), ...Array.from({ length: 9 }, () => store.read(key))]
    const outcomes = await Promise.allSettled(calls)
    const tookMs = performance.now() - startedAtMs
    t.true(outcomes.every(({ status }) => status === 'rejected'))
    t.true(tookMs < 60_000, `ten calls over three connections took ${tookMs} ms`)
    await t.throwsAsync(store.health(), UNAVAILABLE)
    server.signal('SIGCONT')
    await healthy(store)
    // The server's socket had the change that was given up on: it may have been carried out, and once.
    const version = (await store.read(key))?.version
    t.true(version === 1 || version === 2, `version ${version}`)
  })

  test.serial(
    'a record that another client has locked is unavailable for changes, and the others are not',
    async (t) => {
      const server = await starting
      const store = await openDatabase(t, `${server.url}?${QUICK}`)
      const [key, other] = [freshKey(), freshKey()]
      await store.write(key, creation())
      await store.write(other, creation())
      const held = lock(server, key, 5)
      await until('the lock', async () => {
        const outcome = await store.touch(key, inAnHour() + 60_000).catch((error: unknown) => error)
        return outcome instanceof StoreUnavailableError
      })
      t.is((await store.write(other, change(1))).status, 'written')
      t.is((await store.read(key))?.version, 1)
      await held
      // The server may still be carrying out what was given up on.
      await until('the record', async () => (await store.write(key, change(1))).status !== 'gone')
      t.is((await store.read(key))?.version, 2)
    },
  )

  const refusals = {
    'is read-only': { begin: readOnly, error: StoreRefusedError, words: /accepts no changes/ },
    'has a full disk': { begin: full, error: StoreFullError, words: /disk is full/ },
  }
  for (const [what, { begin, error, words }] of Object.entries(refusals)) {
    test.serial(`a server that ${what} refuses changes in words, is not healthy, and is no outage`, async (t) => {
      const server = await starting
      const events: StoreEvent['event'][] = []
      const store = await openDatabase(t, `${server.url}?${QUICK}`, ({ event }) => void events.push(event))
      const key = freshKey()
      await store.write(key, creation('kept'))
      await store.health()
      await begin(server, true)
      t.teardown(() => begin(server, false))
      // A PostgreSQL server takes a new setting for each connection a moment later.
      await until('the server to refuse changes', () =>
        store.touch(key, inAnHour() + 60_000).then(
          () => false,
          () => true,
        ),
      )
      for (let tries = 0; tries < 3; tries++) {
        const thrown = await t.throwsAsync(store.write(key, change(1, '{"d":"private to the user"}')), {
          instanceOf: error,
          message: words,
        })
        t.notRegex(inspect(thrown, { depth: null }), /private/)
        t.is((await store.read(key))?.body, 'kept')
      }
      await t.throwsAsync(store.health(), { instanceOf: error })
      t.regex(store.report?.().warnings.join() ?? '', /refuses changes/)
      await begin(server, false)
      await healthy(store)
      t.is((await store.write(key, change(1))).status, 'written')
      t.deepEqual(events, ['changes-refused', 'changes-accepted'])
      t.deepEqual(store.report?.().warnings, [])
    })
  }

  test.serial('programs that open an empty database at once make its tables once', async (t) => {
    const server = await starting
    const prefix = server.url.startsWith('mysql') ? 'shop.' : ''
    await server.ask(`DROP VIEW ${prefix}ninelives_live_sessions`)
    await server.ask(`DROP TABLE ${prefix}ninelives_sessions, ${prefix}ninelives_schema`)
    // One after the other makes them, which takes a busy machine its time.
    const url = `${server.url}?openTimeoutMs=60000`
    const stores = await Promise.all(Array.from({ length: 6 }, () => openDatabase(t, url)))
    const versions = `SELECT concat(count(*), ' of ', max(version)) FROM ${prefix}ninelives_schema`
    t.is(String(await server.ask(versions)), `${schemaVersion} of ${schemaVersion}`)
    for (const store of stores) t.is((await store.write(freshKey(), creation())).status, 'written')
  })

  test.serial('people can look into the sessions with SQL', async (t) => {
    const server = await starting
    const store = await openDatabase(t, server.url)
    const [key, ended, ofUser] = [freshKey(), freshKey(), `~${freshKey()}` as SessionKey]
    await store.write(key, creation('{"k":"secret","u":"tag","d":{"cart":{"items":3}}}'))
    await store.write(ofUser, creation('{}'))
    await store.write(ended, creation('{}'))
    await store.destroy(ended, { fenceUntilMs: inAnHour() })
    const view = server.url.startsWith('mysql') ? 'shop.ninelives_live_sessions' : 'ninelives_live_sessions'
    const found = async (what: string, of: SessionKey) =>
      await server.ask(`SELECT ${what} FROM ${view} WHERE record_key = '${of}'`)
    t.is(await found('user_tag', key), 'tag')
    t.deepEqual(JSON.parse(String(await found('CAST(data AS CHAR(100))', key))), { cart: { items: 3 } })
    t.is(await found('record_key', ended), undefined)
    t.is(await found('record_key', ofUser), undefined)
  })

  test.serial('a server that is read-only at the start is named, and opened once it is not', async (t) => {
    const server = await starting
    await (await openDatabase(t, server.url)).close()
    await readOnly(server, true)
    t.teardown(() => readOnly(server, false))
    const store = await openStore(`${server.url}?openTimeoutMs=3000`)
    t.teardown(() => store.close())
    const error = await t.throwsAsync(store.open(), UNAVAILABLE)
    t.regex(String(error?.cause), /read-only/)
    await readOnly(server, false)
    await until('the store to open', () => store.open().then(() => true))
    await healthy(store)
  })

  test.serial(
    'a server that hangs while it is opened is unavailable once the bound on opening has passed',
    async (t) => {
      const server = await starting
      const store = await openStore(`${server.url}?openTimeoutMs=1000`)
      t.teardown(() => store.close())
      server.signal('SIGSTOP')
      t.teardown(() => server.signal('SIGCONT'))
      await t.throwsAsync(store.open(), UNAVAILABLE)
      server.signal('SIGCONT')
      await until('the store to open', () => store.open().then(() => true))
    },
  )

  test.serial('a database that is not there is named at once', async (t) => {
    const server = await starting
    const store = await openStore(`${server.url.replace(/[^/]+$/, 'elsewhere')}?${PATIENT}`)
    t.teardown(() => store.close())
    const error = await t.throwsAsync(store.open())
    t.regex(String(error?.cause), /elsewhere/)
  })

  test.serial('a user without the right to create the tables is told so at once', async (t) => {
    const server = await starting
    const store = await openStore(await withoutRights(server))
    t.teardown(() => store.close())
    await t.throwsAsync(store.open(), { instanceOf: StoreConfigError, message: /lacks a right \(.*needs CREATE/ })
  })

  test.serial('a schema of a newer program is refused by its version', async (t) => {
    const server = await starting
    await (await openDatabase(t, server.url)).close()
    const table = server.url.startsWith('mysql') ? 'shop.ninelives_schema' : 'ninelives_schema'
    await server.ask(`INSERT INTO ${table} (version) VALUES (99)`)
    t.teardown(() => server.ask(`DELETE FROM ${table} WHERE version = 99`))
    const store = await openStore(server.url)
    t.teardown(() => store.close())
    await t.throwsAsync(store.open(), {
      instanceOf: StoreConfigError,
      message: new RegExp(`version 99 .* knows version ${schemaVersion}`),
    })
  })

  test.serial('a server that is not there is unavailable once the bound on opening has passed', async (t) => {
    const server = await starting
    const url = server.url.replace(/:\d+\//, ':1/')
    const store = await openStore(`${url}?openTimeoutMs=300`)
    t.teardown(() => store.close())
    await t.throwsAsync(store.open(), { ...UNAVAILABLE, message: /127\.0\.0\.1:1/ })
    await t.throwsAsync(store.read(freshKey()), UNAVAILABLE)
  })

  test.serial('through Koa an outage is a 503 that leaves the cookie alone, and no user is logged out', async (t) => {
    const server = await starting
    const store = await openDatabase(t, `${server.url}?${QUICK}`)
    const origin = await shop(
      t,
      {
        '/login': (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' }),
        '/change': (ctx) => ctx.session?.update((draft) => (draft['n'] = Number(draft['n'] ?? 0) + 1)),
        '/': (ctx) => ({ fields: ctx.session }),
      },
      { store, guard: { failuresMax: 1_000 } },
    )
    const browser = client(origin)
    await browser.get('/login')
    await browser.get('/change')
    const { cookie } = browser
    await server.kill()
    for (const path of ['/', '/change']) {
      const answer = await browser.get(path)
      t.is(answer.status, 503)
      t.is(browser.cookie, cookie)
    }
    await server.start()
    await until('the store', async () => (await browser.get('/')).status === 200)
    t.deepEqual((await browser.get('/')).body, { fields: { user: 'u', n: 1 } })
  })
}
