/** Loaded into the balancer's own process before its main: says what that takes of memory, when asked. */
import assert from 'node:assert/strict'
import type { IdleMemory } from './idle.ts'

process.on('message', () => {
  const { rss: rssAsItIsBytes } = process.memoryUsage()
  const { gc } = globalThis
  assert(gc, 'runs with --expose-gc')
  // What requests left between the connections' own objects stays with the process until V8 has to move those together. What
  // the first one finalises, the second one frees.
  for (let round = 0; round < 2; round++) gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  const { rss, heapUsed, external } = process.memoryUsage()
  process.send?.({ rssAsItIsBytes, rssBytes: rss, heapBytes: heapUsed + external } satisfies IdleMemory)
})
