/** Loaded into the balancer's own process before its main: says what that takes of memory, when asked. */
import assert from 'node:assert/strict'
import type { IdleMemory } from './balancer-idle.ts'

process.on('message', () => {
  const { gc } = globalThis
  assert(gc, 'runs with --expose-gc')
  // What the first one finalises, the second one frees.
  gc()
  gc()
  const { rss, heapUsed, external } = process.memoryUsage()
  process.send?.({ rssBytes: rss, heapBytes: heapUsed + external } satisfies IdleMemory)
})
