/** Loaded into the balancer's own process before its main: reports the memory of the process when asked. */
import assert from 'node:assert/strict'
import type { IdleMemory } from './idle-connections.ts'

process.on('message', () => {
  const { rss: rssAsItIsBytes } = process.memoryUsage()
  const { gc } = globalThis
  assert(gc, 'runs with --expose-gc')
  // Garbage between live objects stays resident until V8 compacts its heap. The second collection frees what the first one
  // finalised.
  for (let round = 0; round < 2; round++) gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  const { rss, heapUsed, external } = process.memoryUsage()
  process.send?.({ rssAsItIsBytes, rssBytes: rss, heapBytes: heapUsed + external } satisfies IdleMemory)
})
