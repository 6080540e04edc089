import type { SessionKey, SessionRecord } from '@ninelives/sessions'
import { broken, isSession } from './breaking.ts'

const COPIES_MAX = 10_000

/**
 * A cache in each node's memory. It compares its copy with the store's version, and so never reads an old one; but where the store has
 * none, it takes the store for the one that has lost the session, and answers with its copy. Takes nodes that share `?on=URL`.
 */
export default broken((sound) => {
  const copies = new Map<SessionKey, SessionRecord>()
  return {
    async read(key) {
      const record = await sound.read(key)
      if (record === undefined || !isSession(key)) return record ?? copies.get(key)
      if (copies.size < COPIES_MAX || copies.has(key)) copies.set(key, record)
      return record
    },
    async destroy(key, options) {
      copies.delete(key)
      await sound.destroy(key, options)
    },
  }
})
