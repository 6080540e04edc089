/**
 * Tells that a session has ended, or has become another user's, for what outlives a request: see sockets/. Until `onEnded` is set nothing
 * listens, and telling costs nothing.
 */
import type { SessionKey } from '../contract.ts'

export interface Endings {
  onEnded: ((subject: SessionKey) => Promise<void>) | undefined
}

export function endings(): Endings {
  return { onEnded: undefined }
}
