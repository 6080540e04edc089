import { carriedStore, type Jar } from '../../support/carried-store.ts'
import { conforms } from '../../support/conforms.ts'
import { sharedMemory, TOKEN_RULES } from '../../support/token-nodes.ts'

const jar: Jar = new Map()
const revocations = sharedMemory()
const open = () => carriedStore({ ...TOKEN_RULES, revocations }, jar)

conforms({
  capabilities: open().capabilities,
  async open() {
    const store = open()
    await store.open()
    return store
  },
})
