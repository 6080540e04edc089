/**
 * Tells that a session has ended, or has become another user's, for what outlives a request: see sockets/. Until `onEnded` is set nothing
 * listens, and telling costs nothing.
 */
import type { SessionKey } from '../contract.ts'

export interface Endings {
  onEnded: ((subject: SessionKey) => Promise<void>) | undefined
  /** Of a session that had ended before: told once, however often its old cookie comes back, as each time costs a write. */
  tellAgain(subject: SessionKey): Promise<void>
}

const AGAIN_MAX = 10_000

export function endings(): Endings {
  const again = new Set<SessionKey>()
  return {
    onEnded: undefined,
    async tellAgain(subject) {
      if (again.has(subject)) return
      if (again.size >= AGAIN_MAX) again.clear()
      again.add(subject)
      await this.onEnded?.(subject)
    },
  }
}
