import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '../../support/database/sessions.ts'
import { change, creation, freshKey, inAnHour } from '../../support/records.ts'
import { until } from '../../support/until.ts'

const ROWS = 10_000
/** One batch after the other would leave no room for them. */
const REQUESTS_MIN = 3

async function fileWithExpired(t: ExecutionContext, rows: number): Promise<{ url: string; database: DatabaseSync }> {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-sweeper-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'sessions.db')
  const url = `sqlite:${path}?synchronous=NORMAL&timeoutMs=20000`
  await (await openDatabase(t, url)).close()
  const database = new DatabaseSync(path)
  t.teardown(() => database.close())
  const insert = database.prepare('INSERT INTO ninelives_sessions VALUES (?, 1, ?, ?, ?)')
  database.exec('BEGIN')
  for (let row = 0; row < rows; row++) insert.run(freshKey(), 1_000, 2, 'x'.repeat(500))
  database.exec('COMMIT')
  return { url, database }
}

const countIn = (database: DatabaseSync): number =>
  Number(database.prepare('SELECT count(*) AS count FROM ninelives_sessions').get()?.['count'])

test('sessions that expire all at once are deleted in batches, and requests are served between them', async (t) => {
  const { url, database } = await fileWithExpired(t, ROWS)
  const store = await openDatabase(t, url)
  const key = freshKey()
  await store.write(key, creation())
  let version = 1
  let longestMs = 0
  await until('the expired rows to be deleted', async () => {
    const startedAtMs = performance.now()
    await store.write(key, change(version++))
    t.is((await store.read(key))?.version, version)
    longestMs = Math.max(longestMs, performance.now() - startedAtMs)
    return countIn(database) === 1
  })
  t.log(`the longest request took ${longestMs.toFixed(1)} ms`)
  t.true(version > REQUESTS_MIN, `${version} requests were served meanwhile`)
})

test('what has expired a moment ago stays, because the clocks of nodes differ', async (t) => {
  const { url, database } = await fileWithExpired(t, 10)
  const store = await openDatabase(t, url)
  const [brief, fenced] = [freshKey(), freshKey()]
  await store.write(brief, { ...creation(), expiresAtMs: Date.now() - 1 })
  await store.destroy(fenced, { fenceUntilMs: inAnHour() })
  await until('the others to be deleted', () => countIn(database) === 2)
  t.is(await store.read(brief), undefined)
  t.is((await store.write(brief, creation('again'))).status, 'written')
  t.is((await store.write(fenced, creation())).status, 'gone')
})
