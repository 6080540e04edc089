import test, { type ExecutionContext } from 'ava'
import type { SessionKey } from '../../../src/contract.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../../src/errors.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import { type PostgresServer, postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { openDatabase } from '../../support/database/sessions.ts'
import { creation, freshKey } from '../../support/records.ts'
import { until } from '../../support/until.ts'

const onPostgres = postgresMissing === undefined ? test : test.skip
if (postgresMissing !== undefined) test.skip(`postgres: ${postgresMissing}`, () => {})

const CALL_MAX_MS = 30_000
const CONNECTIONS = 4

async function pair(t: ExecutionContext): Promise<{ primary: PostgresServer; standby: PostgresServer; url: string }> {
  const primary = await postgresServer()
  t.teardown(() => primary.stop())
  const standby = await primary.standby()
  t.teardown(() => standby.stop())
  // A commit is acknowledged when the standby has it.
  await primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
  await primary.ask('SELECT pg_reload_conf()')
  await until('the standby to follow', async () => {
    return (await primary.ask("SELECT count(*)::integer FROM pg_stat_replication WHERE sync_state = 'sync'")) === 1
  })
  // The standby is named first: the primary is found behind it.
  const url = `postgres://postgres@127.0.0.1:${standby.port},127.0.0.1:${primary.port}/postgres?timeoutMs=6000`
  return { primary, standby, url }
}

for (const [what, signal] of [
  ['dies', 'SIGKILL'],
  ['hangs', 'SIGSTOP'],
] as const) {
  onPostgres(
    `when the primary ${what}, the store finds the promoted standby, with all that was acknowledged`,
    async (t) => {
      const { primary, standby, url } = await pair(t)
      const store = await openDatabase(t, url)
      const acknowledged: SessionKey[] = []
      let refused = 0
      const create = async (): Promise<boolean> => {
        const key = freshKey()
        const startedAtMs = performance.now()
        try {
          await store.write(key, creation())
          acknowledged.push(key)
          return true
        } catch (error) {
          t.true(error instanceof StoreUnavailableError, String(error))
          refused++
          return false
        } finally {
          const tookMs = performance.now() - startedAtMs
          t.true(tookMs < CALL_MAX_MS, `a call took ${tookMs} ms`)
        }
      }
      for (let count = 0; count < 30; count++) t.true(await create())

      primary.signal(signal)
      t.teardown(() => primary.signal('SIGCONT'))
      await until('a refusal', async () => !(await create()))
      await standby.ask('SELECT pg_promote()')
      const promotedAtMs = performance.now()
      await until('the store to serve', create)
      t.log(`${refused} refused; serves ${Math.round(performance.now() - promotedAtMs)} ms after the promotion`)
      for (let count = 0; count < 30; count++) t.true(await create())
      for (const key of acknowledged) t.is((await store.read(key))?.body, 'one')
    },
  )
}

onPostgres('hosts of which none is the primary are named, each with its reason', async (t) => {
  const { primary, standby, url } = await pair(t)
  // Each host has its share of this time to say what it is.
  const patient = url.replace(/timeoutMs=\d+/, 'timeoutMs=60000')
  const opened = await openDatabase(t, patient)
  await opened.write(freshKey(), creation())
  await primary.kill()
  await t.throwsAsync(opened.read(freshKey()), { instanceOf: StoreUnavailableError })
  const store = await openStore(`${patient}&openTimeoutMs=300`)
  t.teardown(() => store.close())
  const error = await t.throwsAsync(store.open(), { instanceOf: StoreUnavailableError })
  const told = String(error?.cause)
  t.true(told.includes(`127.0.0.1:${standby.port}: it is a standby`), told)
  t.regex(told, new RegExp(`127\\.0\\.0\\.1:${primary.port}: .*ECONNREFUSED`))
})

onPostgres(
  'while the standby is away, few changes wait for it, the others are refused, and sessions are read',
  async (t) => {
    const primary = await postgresServer()
    t.teardown(() => primary.stop())
    const store = await openDatabase(
      t,
      `${primary.url}?timeoutMs=4000&connectionsMax=${CONNECTIONS}&openTimeoutMs=60000`,
    )
    const key = freshKey()
    t.is((await store.write(key, creation())).status, 'written')
    await primary.ask("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await primary.ask('SELECT pg_reload_conf()')
    const waiting = async (): Promise<number> =>
      Number(await primary.ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))

    await until('changes to be refused', async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 2 * CONNECTIONS }, () => store.write(freshKey(), creation())),
      )
      return outcomes.every(
        ({ status, ...outcome }) =>
          status === 'rejected' && 'reason' in outcome && outcome.reason instanceof StoreRefusedError,
      )
    })
    const before = await waiting()
    for (let count = 0; count < 50; count++)
      await t.throwsAsync(store.write(freshKey(), creation()), { instanceOf: StoreRefusedError })
    t.is(await waiting(), before)
    t.is((await store.read(key))?.version, 1)
    await t.throwsAsync(store.health(), { instanceOf: StoreRefusedError })

    await primary.ask('ALTER SYSTEM RESET synchronous_standby_names')
    await primary.ask('SELECT pg_reload_conf()')
    await until('changes to be taken', async () => (await store.write(freshKey(), creation())).status === 'written')
    await until('the store to be healthy', () => store.health().then(() => true))
    t.is(await waiting(), 0)
  },
)
