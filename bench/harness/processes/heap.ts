import assert from 'node:assert/strict'

/** What V8 holds, outside of its heap too, after a collection of garbage. The process runs with --expose-gc. */
export function heapBytes(): number {
  const { gc } = globalThis
  assert(gc, 'runs with --expose-gc')
  // The second collection frees what the first one finalised.
  gc()
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
