import { broken, isSession, oneIn } from './breaking.ts'
import { type Contents, contentsOf, withContents } from './contents.ts'

/** Now and then the answer to one is what another asked for. */
export default broken((sound) => {
  const mixesUp = oneIn(60)
  let previous: Contents | undefined
  return {
    async read(key) {
      const record = await sound.read(key)
      if (record === undefined || !isSession(key)) return record
      const contents = contentsOf(record.body)
      const other = previous
      if (contents.user !== undefined) previous = contents
      if (contents.user === undefined || other === undefined || other.user === contents.user) return record
      return mixesUp() ? { ...record, body: withContents(record.body, other) } : record
    },
  }
})
