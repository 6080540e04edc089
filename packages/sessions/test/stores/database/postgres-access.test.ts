import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import test from 'ava'
import { StoreConfigError, StoreUnavailableError } from '../../../src/errors.ts'
import { openStore } from '../../../src/stores/open-store.ts'
import { serverUser } from '../../support/database/installed.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { openDatabase, PATIENT } from '../../support/database/sessions.ts'
import { certificate, privateKey } from '../../support/redis/certificate.ts'
import { creation, freshKey } from '../../support/records.ts'

const onPostgres = postgresMissing === undefined ? test : test.skip
if (postgresMissing !== undefined) test.skip(`postgres: ${postgresMissing}`, () => {})

onPostgres('a password and a certificate are taken from the URL, and a wrong password is never repeated', async (t) => {
  const server = await postgresServer()
  t.teardown(() => server.stop())
  await server.ask("CREATE ROLE shop LOGIN PASSWORD 'p@ss/word'")
  await server.ask('CREATE DATABASE shop OWNER shop')
  for (const [name, text] of [
    ['server.crt', certificate],
    ['server.key', privateKey],
  ] as const) {
    const path = join(server.data, name)
    writeFileSync(path, text, { mode: 0o600 })
    if (serverUser !== undefined) chownSync(path, serverUser.uid, serverUser.gid)
  }
  const rules = join(server.data, 'pg_hba.conf')
  writeFileSync(rules, `hostssl all shop all scram-sha-256\nhost all shop all reject\n${readFileSync(rules, 'utf8')}`)
  await server.kill()
  await server.start(['ssl=on'])

  const url = (password: string, settings: string) =>
    `postgres://shop:${encodeURIComponent(password)}@localhost:${server.port}/shop?${settings}`
  const ca = join(server.data, 'server.crt')
  for (const settings of ['sslmode=require', `sslmode=verify-full&ca=${ca}`]) {
    const store = await openDatabase(t, url('p@ss/word', `${settings}&${PATIENT}`))
    t.is((await store.write(freshKey(), creation())).status, 'written')
  }
  const refused = {
    'sslmode=disable': /no encryption/,
    'sslmode=verify-full': /certificate/,
  }
  for (const [settings, reason] of Object.entries(refused)) {
    const store = await openStore(url('p@ss/word', `${settings}&openTimeoutMs=3000`))
    const error = await t.throwsAsync(store.open(), { instanceOf: StoreUnavailableError })
    t.regex(String(error?.cause), reason)
    await store.close()
  }
  const store = await openStore(url('wrong-secret', `sslmode=require&${PATIENT}`))
  const told = inspect(await t.throwsAsync(store.open(), { instanceOf: StoreUnavailableError }), { depth: null })
  t.regex(told, /password authentication failed/)
  t.notRegex(told, /wrong-secret/)
  await store.close()
})

onPostgres('a database with another encoding is refused by its name', async (t) => {
  const server = await postgresServer()
  t.teardown(() => server.stop())
  await server.ask("CREATE DATABASE old ENCODING 'LATIN1' TEMPLATE template0")
  const store = await openStore(server.url.replace(/\/postgres$/, '/old'))
  await t.throwsAsync(store.open(), {
    instanceOf: StoreConfigError,
    message: /'old' has the encoding LATIN1, and UTF8/,
  })
  await store.close()
})
