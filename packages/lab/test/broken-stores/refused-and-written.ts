import { SessionConflictError } from '@ninelives/sessions'
import { broken, isSession, oneIn } from './breaking.ts'

/** Now and then a change is refused, as if nothing had been written, and it has been. */
export default broken((sound) => {
  const refuses = oneIn(20)
  return {
    async write(key, write) {
      const result = await sound.write(key, write)
      if (result.status !== 'written' || !isSession(key) || write.expectedVersion < 2 || !refuses()) return result
      throw new SessionConflictError(1, undefined, undefined)
    },
  }
})
