/** What a store over SQLite says of a disk that failed to sync. */
import fs, { mkdtempSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock } from 'node:test'
import test from 'ava'
import { openDatabase } from '../../support/database/sessions.ts'
import { creation, freshKey } from '../../support/records.ts'

test('a disk that has failed to sync once takes no change until the process starts again, and the store is not healthy', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-sync-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const url = `sqlite:${join(directory, 'sessions.db')}?timeoutMs=20000`
  const store = await openDatabase(t, url)
  await store.write(freshKey(), creation())
  await store.health()

  const failing = mock.method(fs, 'fdatasync', (_file: number, done: (error: Error) => void) => done(new Error('EIO')))
  syncBuiltinESMExports()
  await t.throwsAsync(store.write(freshKey(), creation()), { code: 'STORE_UNAVAILABLE' })
  failing.mock.restore()
  syncBuiltinESMExports()
  await t.throwsAsync(store.write(freshKey(), creation()), { code: 'STORE_UNAVAILABLE' })
  const { cause } = await t.throwsAsync(store.health(), { code: 'STORE_UNAVAILABLE' })
  t.regex(String(cause), /the disk failed to sync; start the process again: EIO/)

  const again = await openDatabase(t, url)
  await again.health()
  await again.write(freshKey(), creation())
})
