/** What the doctor finds in databases that are set up badly on purpose. */
import { chmodSync, existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { examine, type Finding } from '../../src/doctor.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { mariadbMissing, mariadbServer } from '../support/database/mariadb-server.ts'
import { postgresMissing, postgresServer } from '../support/database/postgres-server.ts'
import { creation, freshKey } from '../support/records.ts'

const onPostgres = postgresMissing === undefined ? test : test.skip
if (postgresMissing !== undefined) test.skip(`postgres: ${postgresMissing}`, () => {})
const onMariadb = mariadbMissing === undefined ? test : test.skip
if (mariadbMissing !== undefined) test.skip(`mariadb: ${mariadbMissing}`, () => {})

/** A machine that is busy with other tests takes its time. */
async function looked(url: string): Promise<readonly Finding[]> {
  return (await examine(`${url}${url.includes('?') ? '&' : '?'}timeoutMs=20000`))[0]?.findings ?? []
}

/** The level of each finding that is not fine, but for those of the machine. */
async function found(url: string): Promise<Record<string, Finding['level']>> {
  const findings = await looked(url)
  const those = findings.filter(({ level, name }) => level !== 'fine' && !/latency|disk-space|file-system/.test(name))
  return Object.fromEntries(those.map(({ name, level }) => [name, level]))
}

function directoryIn(t: ExecutionContext, parent: string): string {
  const directory = mkdtempSync(join(parent, 'ninelives-doctor-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

test('a SQLite file by default, with less durability, and one that others can read', async (t) => {
  const path = join(directoryIn(t, tmpdir()), 'sessions.db')
  t.deepEqual(await found(`sqlite:${path}`), {})
  t.deepEqual(await found(`sqlite:${path}?synchronous=NORMAL`), { durability: 'warning' })
  chmodSync(path, 0o644)
  t.deepEqual(await found(`sqlite:${path}`), { 'file-mode': 'warning' })
})

test('a SQLite file that is nearly as large as it may be', async (t) => {
  const url = `sqlite:${join(directoryIn(t, tmpdir()), 'sessions.db')}?bytesMax=1000000&timeoutMs=20000`
  const store = await openStore(url)
  await store.open()
  for (let session = 0; session < 85; session++) await store.write(freshKey(), creation('x'.repeat(10_000)))
  await store.close()
  const [{ findings } = { findings: [] }] = await examine(url)
  t.like(
    findings.find(({ name }) => name === 'disk-space'),
    { level: 'warning', remedy: 'raise bytesMax, or shorten how long sessions live' },
  )
})

const TMPFS = 0x0102_1994
const SHARED_MEMORY = '/dev/shm'
const hasTmpfs = existsSync(SHARED_MEMORY) && statfsSync(SHARED_MEMORY).type === TMPFS
const onTmpfs = hasTmpfs ? test : test.skip
onTmpfs('a SQLite file in memory is lost with a restart of the machine', async (t) => {
  const findings = await looked(`sqlite:${directoryIn(t, SHARED_MEMORY)}/sessions.db`)
  t.is(findings.find(({ name }) => name === 'file-system')?.level, 'loss')
})

test('a SQLite file in a directory that is not there', async (t) => {
  t.deepEqual(await found('sqlite:/no/such/directory/sessions.db'), { unusable: 'loss' })
})

onPostgres('a PostgreSQL by default, and one that gives up durability for speed', async (t) => {
  const server = await postgresServer()
  t.teardown(() => server.stop())
  t.deepEqual(await found(server.url), {})
  t.deepEqual(await found(`${server.url}?synchronousCommit=off`), { 'synchronous-commit': 'warning' })
  await server.ask('DROP INDEX ninelives_sessions_sweep')
  t.deepEqual(await found(server.url), { index: 'warning' })
  await server.ask('CREATE INDEX ninelives_sessions_sweep ON ninelives_sessions (sweep_slot)')
  await server.kill()
  await server.start(['fsync=off', 'autovacuum=off', 'max_connections=10', 'superuser_reserved_connections=0'])
  t.like(await found(server.url), { fsync: 'loss', autovacuum: 'warning' })
  await server.kill()
  t.deepEqual(await found(`${server.url}?openTimeoutMs=300`), { unreachable: 'loss' })
})

onPostgres('a PostgreSQL with a standby that may be behind, and an account without rights', async (t) => {
  const server = await postgresServer()
  t.teardown(() => server.stop())
  const standby = await server.standby()
  t.teardown(() => standby.stop())
  t.deepEqual(await found(server.url), { standbys: 'warning' })
  await server.ask("CREATE USER reader PASSWORD 'sEcret'")
  await server.ask('GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader')
  const findings = await looked(`postgres://reader:sEcret@127.0.0.1:${server.port}/postgres`)
  const [rights] = findings
  t.like(rights, { level: 'loss', name: 'unusable' })
  t.regex(rights?.line ?? '', /lacks a right \(permission denied .* needs .* INSERT, UPDATE and DELETE/)
  t.notRegex(JSON.stringify(findings), /sEcret/)
})

onMariadb('a MariaDB by default, and one that gives up durability for speed', async (t) => {
  const server = await mariadbServer()
  t.teardown(() => server.stop())
  t.deepEqual(await found(server.url), {})
  await server.ask('OPTIMIZE TABLE shop.ninelives_sessions')
  t.deepEqual(await found(server.url), { room: 'warning' })
  await server.ask('DELETE FROM shop.ninelives_schema WHERE version = 2')
  t.deepEqual(await found(server.url), {})
  await server.ask('SET GLOBAL innodb_flush_log_at_trx_commit = 2')
  await server.ask('SET GLOBAL max_allowed_packet = 65536')
  t.deepEqual(await found(server.url), { 'flush-log': 'warning', packet: 'warning' })
})
