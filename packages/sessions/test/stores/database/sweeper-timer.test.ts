import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import test from 'ava'
import { openDatabase } from '../../support/database/sessions.ts'
import { creation, freshKey } from '../../support/records.ts'

const MINUTE_MS = 60_000
const TURNS = 100

test('a process that gets no calls deletes its expired sessions when they are due', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-sweeper-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'sessions.db')
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  const store = await openDatabase(t, `sqlite:${path}?synchronous=NORMAL`)
  const database = new DatabaseSync(path)
  t.teardown(() => database.close())
  const countAfter = async (minutes: number): Promise<number> => {
    mock.timers.tick(minutes * MINUTE_MS)
    for (let turn = 0; turn < TURNS; turn++) await nextTurn()
    return Number(database.prepare('SELECT count(*) AS count FROM ninelives_sessions').get()?.['count'])
  }
  await countAfter(0)
  await store.write(freshKey(), { ...creation(), expiresAtMs: Date.now() + 180 * MINUTE_MS })
  await store.write(freshKey(), { ...creation(), expiresAtMs: Date.now() + 30 * MINUTE_MS })
  t.is(await countAfter(30), 2)
  t.is(await countAfter(22), 1, 'deleted within 10 to 21 minutes after it expired')
  t.is(await countAfter(61), 1)
  t.is(await countAfter(61), 1)
  t.is(await countAfter(61), 0)
})
