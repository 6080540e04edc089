/** Fills a memory store with sessions, no two with the same contents, and reports the growth of the heap for each. */
import assert from 'node:assert/strict'
import { openStore, sessionEngine } from '@ninelives/sessions'
import { sessionContents } from '../harness/contents.ts'
import { heapBytes } from '../harness/processes/heap.ts'

const [, , owners, count] = process.argv
const sessions = Number(count)

const store = await openStore('memory:')
const engine = sessionEngine({ store, ...(owners === 'visitors' && { userOf: () => undefined }) })

// The first session pays for loading and compilation.
await begin(0)
const before = heapBytes()
let jsonBytes = 0
for (let number = 1; number <= sessions; number++) jsonBytes += await begin(number)
const heapGrowth = heapBytes() - before
assert.equal(store.localSessionCount?.(), sessions + 1, 'the store still holds every session')

process.send?.({ jsonBytes: jsonBytes / sessions, heapBytes: heapGrowth / sessions })

async function begin(number: number): Promise<number> {
  const contents = sessionContents(`user-${number}`)
  await engine.create('a browser').commit(contents)
  return Buffer.byteLength(JSON.stringify(contents))
}
