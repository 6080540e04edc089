import { broken } from './breaking.ts'

const LATER_MS = 60_000

/** Sessions go on after their time, as where only a sweep that comes now and then ends them. */
export default broken((sound) => ({
  write: (key, write) => sound.write(key, { ...write, expiresAtMs: write.expiresAtMs + LATER_MS }),
  touch: (key, expiresAtMs) => sound.touch(key, expiresAtMs + LATER_MS),
}))
