import test from 'ava'
import { StoreUnavailableError } from '../../../src/errors.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { freshKey } from '../../support/records.ts'
import { openDatabase } from '../../support/database/sessions.ts'
import { bearsFaults, type DatabaseServer } from '../../support/database/server-faults.ts'

const FULL = `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
  CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON ninelives_sessions EXECUTE FUNCTION full_disk()`
const NOT_FULL = 'DROP FUNCTION IF EXISTS full_disk CASCADE'

async function setting(server: DatabaseServer, sql: string): Promise<void> {
  await server.ask(sql)
  await server.ask('SELECT pg_reload_conf()')
}

if (postgresMissing === undefined) {
  bearsFaults({
    server: () => postgresServer(),
    schemaVersion: 2,
    readOnly: (server, isReadOnly) =>
      setting(server, `ALTER SYSTEM SET default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`),
    full: (server, isFull) => server.ask(isFull ? FULL : NOT_FULL),
    lock: (server, key, seconds) =>
      server.ask(
        `BEGIN; SELECT 1 FROM ninelives_sessions WHERE record_key = '${key}' FOR UPDATE; SELECT pg_sleep(${seconds}); COMMIT`,
      ),
    async withoutRights(server) {
      await server.ask('CREATE ROLE visitor LOGIN')
      await server.ask('CREATE DATABASE empty')
      return server.url.replace('postgres@', 'visitor@').replace(/\/postgres$/, '/empty')
    },
  })

  test('reads that fail together have an error each', async (t) => {
    const server = await postgresServer()
    t.teardown(() => server.stop())
    const store = await openDatabase(t, server.url)
    const keys = [freshKey(), freshKey()]
    t.deepEqual(await Promise.all(keys.map((key) => store.read(key))), [undefined, undefined])
    await server.ask('ALTER TABLE ninelives_sessions RENAME TO elsewhere')
    const [one, other] = await Promise.allSettled(keys.map((key) => store.read(key)))
    t.true(one?.status === 'rejected' && one.reason instanceof StoreUnavailableError)
    t.true(other?.status === 'rejected' && other.reason instanceof StoreUnavailableError)
    t.not((one as PromiseRejectedResult).reason, (other as PromiseRejectedResult).reason)
  })
} else {
  test.skip(`postgres: ${postgresMissing}`, () => {})
}
