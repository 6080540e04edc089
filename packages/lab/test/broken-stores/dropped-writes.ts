import { broken, isSession, oneIn } from './breaking.ts'

/** One change in a hundred is acknowledged and was never made. Not the first two of a session, which are its login. */
export default broken((sound) => {
  const drops = oneIn(100)
  return {
    async write(key, write) {
      const { expectedVersion } = write
      if (!isSession(key) || expectedVersion < 2 || !drops()) return await sound.write(key, write)
      return { status: 'written', version: expectedVersion + 1 }
    },
  }
})
