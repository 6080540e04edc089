/** Fills a memory store with sessions, no two with the same contents, and says what the heap grew by for each. */
import assert from 'node:assert/strict'
import { openStore, sessionEngine } from '@ninelives/sessions'
import { sessionContents } from '../harness/contents.ts'

const [, , who, count] = process.argv
const sessions = Number(count)

const store = await openStore('memory:')
const engine = sessionEngine({ store, ...(who === 'visitors' && { userOf: () => undefined }) })

// What is loaded and compiled at the first use is no session's.
await begin(0)
const before = heapBytes()
let jsonBytes = 0
for (let number = 1; number <= sessions; number++) jsonBytes += await begin(number)
const heapGrowth = heapBytes() - before
assert.equal(store.heldHere?.(), sessions + 1, 'the store still holds every session')

process.send?.({ jsonBytes: jsonBytes / sessions, heapBytes: heapGrowth / sessions })

async function begin(number: number): Promise<number> {
  const contents = sessionContents(`user-${number}`)
  await engine.create('a browser').commit(contents)
  return Buffer.byteLength(JSON.stringify(contents))
}

function heapBytes(): number {
  const { gc } = globalThis
  assert(gc, 'runs with --expose-gc')
  // What the first one finalises, the second one frees.
  gc()
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
