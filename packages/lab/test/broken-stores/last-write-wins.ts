import { broken, isSession } from './breaking.ts'

/** The last write replaces the whole session, whatever changed since its read. */
export default broken((sound) => ({
  async write(key, write) {
    const result = await sound.write(key, write)
    if (result.status !== 'conflict' || !isSession(key)) return result
    return await sound.write(key, { ...write, expectedVersion: result.current.version })
  },
}))
