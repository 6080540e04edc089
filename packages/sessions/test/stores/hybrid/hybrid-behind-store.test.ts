import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { openStore } from '../../../src/stores/open-store.ts'
import { conforms } from '../../support/conforms.ts'

const directory = mkdtempSync(join(tmpdir(), 'ninelives-behind-'))
test.after.always(() => rmSync(directory, { recursive: true }))
const url = `hybrid:?over=sqlite:${join(directory, 'sessions.db')}?timeoutMs=20000&write=behind&windowMs=20000`

conforms({
  capabilities: (await openStore(url)).capabilities,
  async open() {
    const store = await openStore(url)
    await store.open()
    return store
  },
})
