import test from 'ava'
import type { SessionRecord } from '../../../src/contract.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../../src/errors.ts'
import { type PostgresServer, postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { cacheOf, hybridNode, keptBy } from '../../support/hybrid-nodes.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { until } from '../../support/until.ts'

const UNAVAILABLE = { instanceOf: StoreUnavailableError }
/** Several times what lies between two attempts to take a lease. */
const DUE_MS = 5_000

if (postgresMissing === undefined) withPostgres(postgresServer())
else test.skip(`hybrid over postgres: ${postgresMissing}`, () => {})

function withPostgres(starting: Promise<PostgresServer>): void {
  test.after.always(async () => (await starting).stop())

  test.serial('a PostgreSQL that hangs is an outage as soon as the lease has ended, and no logout', async (t) => {
    const server = await starting
    const { url } = server
    const store = await hybridNode(t, `${url}?timeoutMs=3000&openTimeoutMs=60000`)
    const key = freshKey()
    await store.write(key, creation())
    await keptBy(store, key)
    server.signal('SIGSTOP')
    t.teardown(() => server.signal('SIGCONT'))
    await until('the copy to be of no use', async () => {
      const read = await store.read(key).catch((error: unknown) => error)
      if (!(read instanceof Error)) t.is((read as SessionRecord | undefined)?.version, 1)
      return read instanceof StoreUnavailableError
    })
    t.is(cacheOf(store).copies, 0)
    await t.throwsAsync(store.write(freshKey(), creation()), UNAVAILABLE)
    await t.throwsAsync(store.health(), UNAVAILABLE)
    server.signal('SIGCONT')
    await until('health', () => store.health().then(() => true))
    t.is((await store.read(key))?.version, 1)
    await keptBy(store, key)
  })

  test.serial(
    'a PostgreSQL that was killed has every session when it is back, and copies are kept again',
    async (t) => {
      const server = await starting
      const [a, b] = [await hybridNode(t, server.url), await hybridNode(t, server.url)]
      const [key, ended] = [freshKey(), freshKey()]
      for (const each of [key, ended]) {
        await a.write(each, creation())
        await keptBy(b, each)
      }
      await server.kill()
      await until('the outage', () =>
        b.read(key).then(
          () => false,
          (error) => error instanceof StoreUnavailableError,
        ),
      )
      t.is(cacheOf(b).copies, 0)
      await server.start()
      await until('the logout', () => a.destroy(ended, { fenceUntilMs: inAnHour() }).then(() => true))
      await until('health', () => b.health().then(() => true))
      t.is(await b.read(ended), undefined)
      t.is((await a.write(key, change(1, 'two'))).status, 'written')
      t.is((await b.read(key))?.body, 'two')
      await keptBy(b, key)
    },
  )

  test.serial('sessions are read while PostgreSQL accepts no changes', async (t) => {
    const server = await starting
    const { url } = server
    const first = await hybridNode(t, url)
    const key = freshKey()
    await first.write(key, creation())
    await first.close()
    const store = await hybridNode(t, url)
    const readOnly = async (isOn: boolean): Promise<void> => {
      await server.ask(`ALTER SYSTEM SET default_transaction_read_only = ${isOn ? 'on' : 'off'}`)
      await server.ask('SELECT pg_reload_conf()')
    }
    await readOnly(true)
    t.teardown(() => readOnly(false))
    await until('the server to refuse changes', () =>
      store.write(freshKey(), creation()).then(
        () => false,
        () => true,
      ),
    )
    for (let turn = 0; turn < 5; turn++) t.is((await store.read(key))?.version, 1)
    await readOnly(false)
    await keptBy(store, key)
  })

  test.serial('while the standby is away, few leases wait for it, and sessions are read', async (t) => {
    const primary = await postgresServer()
    t.teardown(() => primary.stop())
    const store = await hybridNode(t, `${primary.url}?timeoutMs=4000&openTimeoutMs=60000`)
    const key = freshKey()
    await store.write(key, creation())
    await keptBy(store, key)
    await primary.ask("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await primary.ask('SELECT pg_reload_conf()')
    // A lease that waits for the standby holds the server's lock of NOTIFY, for which the next ones wait.
    const waiting = async (): Promise<number> =>
      Number(
        await primary.ask(
          `SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ninelives%'
            AND (wait_event = 'SyncRep' OR wait_event_type = 'Lock')`,
        ),
      )

    await until('no further lease to be asked for', async () => {
      t.is((await store.read(key))?.version, 1)
      return store.report?.().warnings.some((warning) => warning.includes('standby is away')) ?? false
    })
    const before = await waiting()
    const beganAtMs = performance.now()
    await until('more leases to be due', async () => {
      t.is((await store.read(key))?.version, 1)
      return performance.now() - beganAtMs > DUE_MS
    })
    await t.throwsAsync(store.write(freshKey(), creation()), { instanceOf: StoreRefusedError })
    const after = await waiting()
    t.log(`${before} waited, and then ${after}`)
    t.true(after <= before)

    await primary.ask('ALTER SYSTEM RESET synchronous_standby_names')
    await primary.ask('SELECT pg_reload_conf()')
    await keptBy(store, key)
    await until('none to wait', async () => (await waiting()) === 0)
  })

  for (const [what, signal] of [
    ['dies', 'SIGKILL'],
    ['hangs', 'SIGSTOP'],
  ] as const) {
    test.serial(
      `when the primary ${what}, no node is behind the promoted standby, and copies are kept again`,
      async (t) => {
        const primary = await postgresServer()
        t.teardown(() => primary.stop())
        const standby = await primary.standby()
        t.teardown(() => standby.stop())
        await primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await primary.ask('SELECT pg_reload_conf()')
        await until('the standby to follow', async () => {
          return (
            (await primary.ask("SELECT count(*)::integer FROM pg_stat_replication WHERE sync_state = 'sync'")) === 1
          )
        })
        const url = `postgres://postgres@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres?timeoutMs=3000&openTimeoutMs=60000`
        const [a, b] = [await hybridNode(t, url), await hybridNode(t, url)]
        const [key, ended] = [freshKey(), freshKey()]
        for (const each of [key, ended]) {
          await a.write(each, creation())
          for (const node of [a, b]) await keptBy(node, each)
        }
        primary.signal(signal)
        t.teardown(() => primary.signal('SIGCONT'))
        await standby.ask('SELECT pg_promote()')
        await until('the logout', () => a.destroy(ended, { fenceUntilMs: inAnHour() }).then(() => true))
        const isOver = async (): Promise<boolean> => (await b.read(ended)) === undefined
        // As soon as the logout is acknowledged, b answers that the session is gone, or that it can't answer.
        t.true(await isOver().catch((error: unknown) => error instanceof StoreUnavailableError))
        await until('the other node', isOver)
        t.is((await a.write(key, change(1, 'after the failover'))).status, 'written')
        t.is((await b.read(key))?.body, 'after the failover')
        for (const node of [a, b]) await keptBy(node, key)
      },
    )
  }
}
