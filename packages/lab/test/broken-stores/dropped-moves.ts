import { broken, isSession, oneIn } from './breaking.ts'
import { contentsOf } from './contents.ts'

/** One change in forty of a session that is on the floor is acknowledged and was never made. */
export default broken((sound) => {
  const drops = oneIn(40)
  return {
    async write(key, write) {
      const { expectedVersion, body } = write
      const isOnFloor = isSession(key) && expectedVersion > 0 && contentsOf(body).floor !== undefined
      return isOnFloor && drops() ? { status: 'written', version: expectedVersion + 1 } : await sound.write(key, write)
    },
  }
})
