import { broken, isSession } from './breaking.ts'

/** Whoever writes last has it all their way, whatever came between their read and their write. */
export default broken((sound) => ({
  async write(key, write) {
    const result = await sound.write(key, write)
    if (result.status !== 'conflict' || !isSession(key)) return result
    return await sound.write(key, { ...write, expectedVersion: result.current.version })
  },
}))
