import { broken } from './breaking.ts'

/** Sessions travel in their cookies, and what ended one is not kept: its cookie is accepted as before. Takes `?on=token:`. */
export default broken((sound) => ({
  async write(key, write) {
    const isRevocation = key.startsWith('~') && write.body.startsWith('{"ended":')
    return isRevocation ? { status: 'written', version: write.expectedVersion + 1 } : await sound.write(key, write)
  },
}))
