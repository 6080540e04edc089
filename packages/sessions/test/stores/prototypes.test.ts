/** A store whose driver gives rows without a prototype, as node:sqlite does, is held to the same cases as any other. */
import type { SessionRecord } from '../../src/contract.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { conforms } from '../support/conforms.ts'

const bare = <T extends object>(given: T): T => Object.assign(Object.create(null) as T, given)
const bareRecord = (record: SessionRecord | undefined): SessionRecord | undefined => record && bare(record)

conforms({
  of: 'with rows without a prototype:',
  capabilities: memoryStore().capabilities,
  async open() {
    const store = memoryStore()
    await store.open()
    return {
      ...store,
      read: async (key) => bareRecord(await store.read(key)),
      async write(key, write) {
        const result = await store.write(key, write)
        return bare(result.status === 'conflict' ? { ...result, current: bare(result.current) } : result)
      },
    }
  },
})
