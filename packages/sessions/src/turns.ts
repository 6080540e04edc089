/**
 * Turns at changing one session, among the requests of this process. Who is not alone goes one after the other from there on:
 * without that, of a hundred requests that add to one session at once each try lets one through, and the last ones run
 * out of tries. Whoever leaves says what the session was then, so the next one need not ask. The first try takes no turn:
 * nearly every change is alone.
 */
import type { SessionKey } from './contract.ts'
import type { Snapshot } from './successor.ts'

export interface Turn {
  /** The session as the one before left it, if that is known. */
  readonly found: Snapshot | undefined
  /** Must be called, once; `left` is the session as it is now, if that is known. */
  leave(left: Snapshot | undefined): void
}

export interface Turns {
  take(key: SessionKey): Promise<Turn>
}

export function turns(): Turns {
  const last = new Map<SessionKey, Promise<Snapshot | undefined>>()

  return {
    async take(key) {
      const before = last.get(key)
      const { promise, resolve } = Promise.withResolvers<Snapshot | undefined>()
      last.set(key, promise)
      return {
        found: await before,
        leave(left) {
          if (last.get(key) === promise) last.delete(key)
          resolve(left)
        },
      }
    },
  }
}
