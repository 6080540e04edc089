import { memoryStore } from '../../src/stores/memory.ts'
import { conforms } from '../support/conforms.ts'
import { delayed } from '../support/delayed.ts'

conforms({
  capabilities: memoryStore().capabilities,
  async open() {
    const store = memoryStore()
    await store.open()
    return delayed(store)
  },
})
