import { memoryStore } from '../../src/stores/memory.ts'
import { conforms } from '../support/conforms.ts'
import { delayed } from '../support/delayed.ts'

for (const title of ['', 'with late answers:']) {
  conforms({
    of: title,
    capabilities: memoryStore().capabilities,
    async open() {
      const store = memoryStore()
      await store.open()
      return title === '' ? store : delayed(store)
    },
  })
}
