import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import test from 'ava'
import type { Dialect } from '../../../src/stores/database/dialect.ts'
import { sweeper, sweepSlot } from '../../../src/stores/database/sweeper.ts'
import { openDatabase } from '../../support/database/sessions.ts'
import { creation, freshKey } from '../../support/records.ts'

const MINUTE_MS = 60_000
const TURNS = 100

async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await nextTurn()
}

test.serial('a process that gets no calls deletes its expired sessions when they are due', async (t) => {
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
    await settled()
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

test.serial('a look that failed is made again after a minute, also when sessions are written meanwhile', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  let looks = 0
  const database = {
    sweepBatch: { rowsMin: 1, rowsMax: 1, durationMs: 1 },
    sweep: () => (++looks === 1 ? Promise.reject(new Error('out')) : Promise.resolve(0)),
    earliestSweepSlot: () => Promise.resolve(undefined),
  } as unknown as Dialect
  const deletes = sweeper(database, { now: Date.now })
  t.teardown(() => deletes.stop())
  deletes.start()
  await settled()
  t.is(deletes.failure, 'out')
  for (let writes = 0; writes < 3; writes++) deletes.note(sweepSlot(Date.now() + 24 * 60 * MINUTE_MS))
  mock.timers.tick(MINUTE_MS)
  await settled()
  t.is(looks, 2)
  t.is(deletes.failure, undefined)
})
