import { broken, isSession, oneIn } from './breaking.ts'

/** Now and then a session is gone, as from a cache that needed the room. */
export default broken((sound) => {
  const forgets = oneIn(100)
  return {
    async read(key) {
      const record = await sound.read(key)
      if (record === undefined || !isSession(key) || !forgets()) return record
      await sound.destroy(key, { fenceUntilMs: record.expiresAtMs })
      return undefined
    },
  }
})
