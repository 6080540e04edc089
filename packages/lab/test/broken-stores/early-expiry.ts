import type { SessionKey } from '@ninelives/sessions'
import { broken, isSession } from './breaking.ts'

const SHARE = 0.4

/** Sessions end long before their time, as with a unit of time mistaken for another. */
export default broken((sound) => ({
  write: (key, write) => sound.write(key, { ...write, expiresAtMs: tooEarlyMs(key, write.expiresAtMs) }),
  touch: (key, expiresAtMs) => sound.touch(key, tooEarlyMs(key, expiresAtMs)),
}))

function tooEarlyMs(key: SessionKey, expiresAtMs: number): number {
  const nowMs = Date.now()
  return isSession(key) ? nowMs + (expiresAtMs - nowMs) * SHARE : expiresAtMs
}
