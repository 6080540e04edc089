/** The conformance suite finds a store that claims more than it holds. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { conformance, type ConformanceSubject } from '../src/conformance.ts'
import type { Capabilities, SessionStore } from '../src/contract.ts'
import { openStore } from '../src/stores/open-store.ts'

const RESTART = /after the store has restarted/

async function opened(url: string): Promise<SessionStore> {
  const store = await openStore(url)
  await store.open()
  return store
}

function restartCase(subject: ConformanceSubject) {
  const found = conformance(subject).find(({ title }) => RESTART.test(title))
  if (found === undefined) throw new Error('the suite has no case of a restart')
  return found
}

test('a store in memory that claims to survive a restart fails once the suite can restart it', async (t) => {
  const memory = await opened('memory:')
  const capabilities: Capabilities = { ...memory.capabilities, survivesStoreRestart: 'held' }
  let nodes = await opened('memory:')
  const subject: ConformanceSubject = {
    capabilities,
    open: async () => nodes,
    restart: async () => {
      nodes = await opened('memory:')
    },
  }
  const { excused, run } = restartCase(subject)
  t.is(excused, undefined)
  await t.throwsAsync(run, { name: 'AssertionError' })
  await memory.close()
})

test('without a restart the claim is excused as unproven', async (t) => {
  const memory = await opened('memory:')
  const capabilities: Capabilities = { ...memory.capabilities, survivesStoreRestart: 'held' }
  t.regex(restartCase({ capabilities, open: async () => memory }).excused ?? '', /unproven.*restart\(\)/)
  t.notRegex(restartCase({ capabilities: memory.capabilities, open: async () => memory }).excused ?? '', /unproven/)
  await memory.close()
})

test('a store in a file survives it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-conformance-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const url = `sqlite:${join(directory, 'sessions.db')}`
  const open: SessionStore[] = []
  const { excused, run } = restartCase({
    capabilities: (await openStore(url)).capabilities,
    open: async () => {
      const store = await opened(url)
      open.push(store)
      return store
    },
    // Its processes end.
    restart: async () => {
      for (const store of open.splice(0)) await store.close()
    },
  })
  t.is(excused, undefined)
  await t.notThrowsAsync(run)
})
