import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { StoreConfigError } from '../../src/errors.ts'
import { openStore } from '../../src/stores/open-store.ts'

test('a store opens from its URL', async (t) => {
  t.is((await openStore('memory:')).name, 'memory')
  t.is((await openStore('memory:?recordsMax=10')).name, 'memory')
  t.is((await openStore('redis://localhost:1/2?timeoutMs=100&prefix=shop:')).name, 'redis')
  t.is((await openStore('rediss://user:password@localhost')).name, 'redis')
  t.is((await openStore('redis+sentinel://user:password@one,two:26380/shop/1?ack=quorum')).name, 'redis')
  t.is((await openStore('redis+cluster://one:7000,two:7000,three:7000')).name, 'redis')
  t.is((await openStore('sqlite:/tmp/sessions.db?synchronous=NORMAL')).name, 'sqlite')
  t.is((await openStore('postgres://user:password@one,two:5433/shop?connectionsMax=4')).name, 'postgres')
  t.is((await openStore('postgresql://%2Fvar%2Frun%2Fpostgresql/shop')).name, 'postgres')
  t.is((await openStore('mariadb://user@localhost/shop')).name, 'mysql')
})

const refused: Readonly<Record<string, RegExp>> = {
  '': /no store for ''.*memory:, redis:, rediss:/,
  redis: /no store for 'redis'/,
  'mongodb://localhost': /no store for 'mongodb:\/\/localhost'.*redis:/,
  'mssql://user:secret@host': /no store for 'mssql:\/\/\*\*\*@host'/,
  'mssql://user:a/b@c@host?token=t': /no store for 'mssql:\/\/\*\*\*@host\?\*\*\*'/,
  'memory://[': /'memory:\/\/\[' names a host/,
  'redis+sentinel://one,two': /ends in the group's name/,
  'memory:?size=3': /'size'.*recordsMax/,
  'memory:?recordsMax=0': /recordsMax.*'0'.*whole number from 1/,
  'redis://h?timeoutMs=soon': /timeoutMs.*'soon'/,
  'redis://h?retries=1': /'retries'.*timeoutMs, openTimeoutMs/,
  'sqlite:': /a SQLite URL is sqlite:PATH/,
  'sqlite://host/sessions.db': /a SQLite URL is sqlite:PATH/,
  'sqlite::memory:': /would be each node's own/,
  'sqlite:sessions.db?synchronous=OFF': /synchronous.*'OFF'.*FULL, NORMAL/,
  'postgres://localhost': /ends in the database's name/,
  'postgres://user:a/b@localhost/shop': /written %2F/,
  'postgres://localhost/shop?sslmode=prefer': /sslmode.*'prefer'.*disable, require, verify-full/,
  'postgres://localhost/shop?ca=ca.pem': /go with sslmode/,
  'mysql://localhost/shop?synchronousCommit=on': /'synchronousCommit', which is for postgres:/,
  './no-such-store.ts': /'\.\/no-such-store\.ts' can't be loaded/,
}

for (const [location, message] of Object.entries(refused)) {
  test(`a store can't be '${location}', and the message says what is accepted`, async (t) => {
    await t.throwsAsync(openStore(location), { instanceOf: StoreConfigError, message })
  })
}

test('a store opens from the path of a module, which is given what stands after the question mark', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'ninelives-store-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const path = join(directory, 'my-store.ts')
  await writeFile(path, "export default (url: URL) => ({ name: `mine ${url.searchParams.get('size')}` })")
  t.is((await openStore(`${path}?size=3`)).name, 'mine 3')
  await writeFile(join(directory, 'empty.ts'), 'export {}')
  await t.throwsAsync(openStore(join(directory, 'empty.ts')), { message: /no default export/ })
})
