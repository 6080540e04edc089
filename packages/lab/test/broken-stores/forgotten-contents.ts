import { broken, isSession, oneIn } from './breaking.ts'
import { contentsOf, withContents } from './contents.ts'

const THINGS_MIN = 3

/** Now and then the session is there, its user is logged in, and all that was in it is gone. */
export default broken((sound) => {
  const forgets = oneIn(60)
  return {
    async read(key) {
      const record = await sound.read(key)
      if (record === undefined || !isSession(key)) return record
      const { user, cart = {} } = contentsOf(record.body)
      if (user === undefined || Object.keys(cart).length < THINGS_MIN || !forgets()) return record
      const { version: expectedVersion, expiresAtMs } = record
      await sound.write(key, { expectedVersion, expiresAtMs, body: withContents(record.body, { user }) })
      return await sound.read(key)
    },
  }
})
