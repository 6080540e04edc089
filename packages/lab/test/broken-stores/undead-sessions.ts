import type { SessionKey, SessionRecord } from '@ninelives/sessions'
import { broken, isSession } from './breaking.ts'

const GRAVES_MAX = 10_000

/** A session that was ended is back a moment later, as from a copy that did not hear of it. */
export default broken((sound) => {
  const graves = new Map<SessionKey, SessionRecord>()
  return {
    async read(key) {
      return (await sound.read(key)) ?? graves.get(key)
    },
    async destroy(key, options) {
      const record = await sound.read(key)
      if (record !== undefined && isSession(key) && graves.size < GRAVES_MAX) graves.set(key, record)
      return await sound.destroy(key, options)
    },
  }
})
