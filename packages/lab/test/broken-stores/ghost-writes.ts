import { broken, isSession } from './breaking.ts'
import { contentsOf, withContents } from './contents.ts'

/** Something that was put into a session shows up in its user's next one, as a write that came too late would. */
export default broken((sound) => {
  const lastPut = new Map<string, string>()
  return {
    async write(key, write) {
      if (!isSession(key)) return await sound.write(key, write)
      const contents = contentsOf(write.body)
      const { user = '', cart = {} } = contents
      const last = Object.keys(cart).at(-1)
      const ghost = lastPut.get(user)
      if (last !== undefined) lastPut.set(user, last)
      if (last !== undefined || ghost === undefined) return await sound.write(key, write)
      return await sound.write(key, { ...write, body: withContents(write.body, { ...contents, cart: { [ghost]: 1 } }) })
    },
  }
})
