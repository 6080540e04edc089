import type { SessionKey, SessionRecord } from '@ninelives/sessions'
import { broken, isSession } from './breaking.ts'
import { isSameBearer } from './contents.ts'

const CATCHING_UP_READS = 300
const COPIES_MAX = 10_000

/** In its first reads after it has joined, a node has every session as it was when it first heard of it. */
export default broken((sound) => {
  const copies = new Map<SessionKey, SessionRecord>()
  let reads = 0
  return {
    async read(key) {
      const record = await sound.read(key)
      if (record === undefined || !isSession(key) || ++reads > CATCHING_UP_READS) return record
      const copy = copies.get(key)
      if (copy !== undefined && isSameBearer(copy.body, record.body)) return copy
      if (copies.size < COPIES_MAX) copies.set(key, record)
      return record
    },
  }
})
