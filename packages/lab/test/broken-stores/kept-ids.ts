import { broken, isSession } from './breaking.ts'
import { contentsOf, headOf, withContents } from './contents.ts'

/** A secret that was replaced, as it stands in a body: its digest, whether by another user, when, and until when it works. */
const RETIRED = /\["([\w-]+)",\d,(\d+),\d+\]/g

/** The cookie from before a login goes on opening the session after it. */
export default broken((sound) => ({
  async write(key, write) {
    if (!isSession(key)) return await sound.write(key, write)
    const kept = headOf(write.body).replaceAll(RETIRED, '["$1",0,$2,0]')
    return await sound.write(key, { ...write, body: withContents(`${kept}{}}`, contentsOf(write.body)) })
  },
}))
