/** Node 22 has `node:sqlite` without the reading of rows as arrays. */
import { StatementSync } from 'node:sqlite'
import test from 'ava'
import { openStore } from '../../../src/index.ts'
import { newSessionId, sessionKey } from '../../../src/secrets/id.ts'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

test('a store over SQLite reads its rows where Node gives them as objects alone', async (t) => {
  Reflect.deleteProperty(StatementSync.prototype, 'setReturnArrays')
  const directory = mkdtempSync(path.join(tmpdir(), 'ninelives-sqlite-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const store = await openStore(`sqlite:${path.join(directory, 'sessions.db')}`)
  await store.open()
  t.teardown(() => store.close())
  const key = sessionKey(newSessionId(randomBytes).handle)
  const expiresAtMs = Date.now() + 60_000
  await store.write(key, { expectedVersion: 0, expiresAtMs, body: '{"visits":1}' })
  t.like(await store.read(key), { version: 1, expiresAtMs, body: '{"visits":1}' })
})
