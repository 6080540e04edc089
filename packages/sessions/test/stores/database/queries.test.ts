import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import test from 'ava'
import { mariadbMissing, mariadbServer } from '../../support/database/mariadb-server.ts'
import { postgresMissing, postgresServer } from '../../support/database/postgres-server.ts'
import { openDatabase, PATIENT } from '../../support/database/sessions.ts'
import { creation, freshKey } from '../../support/records.ts'

/** The statements of docs/stores/database.md; after each stands for which databases it is, where it is not for all. */
const page = readFileSync(new URL('../../../../../docs/stores/database.md', import.meta.url), 'utf8')
const statements = [...page.matchAll(/```sql\n(.*?)```/gs)].flatMap(([, block = '']) => block.trim().split('\n'))
const BODY = '{"k":"secret","u":"tag","d":{"user":"alice","cart":["book"]}}'

function statementsOf(database: string): string[] {
  const its = statements.filter((line) => !line.includes('--') || line.split('--')[1]?.includes(database))
  return its.map((line) => line.split(';')[0] ?? '')
}

test('the queries of the documentation run on SQLite, and find the session', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-queries-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'sessions.db')
  const store = await openDatabase(t, `sqlite:${path}?timeoutMs=20000`)
  await store.write(freshKey(), creation(BODY))
  const database = new DatabaseSync(path)
  t.teardown(() => database.close())
  const found = statementsOf('SQLite').map((sql) => Object.values(database.prepare(sql).get() ?? {})[0])
  t.is(found.length, 6)
  t.false(found.includes(undefined))
})

const servers = {
  PostgreSQL: { missing: postgresMissing, start: () => postgresServer() },
  MariaDB: { missing: mariadbMissing, start: () => mariadbServer() },
}
for (const [name, { missing, start }] of Object.entries(servers)) {
  const title = `the queries of the documentation run on ${name}, and find the session`
  if (missing !== undefined) test.skip(`${title}: ${missing}`, () => {})
  else
    test(title, async (t) => {
      const server = await start()
      t.teardown(() => server.stop())
      const store = await openDatabase(t, `${server.url}?${PATIENT}`)
      await store.write(freshKey(), creation(BODY))
      const its = statementsOf(name)
      t.is(its.length, 6)
      for (const sql of its) {
        const inIts = name === 'MariaDB' ? sql.replaceAll('ninelives_', 'shop.ninelives_') : sql
        t.not(await server.ask(inIts), undefined, sql)
      }
    })
}
