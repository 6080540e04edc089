/**
 * koa-session's events `session:missed`, `session:expired` and `session:invalid`: what an id that came with a request is told
 * by. A store has forgotten an expired session, so the process remembers when those that it served were to end.
 */
import type { StatefulContext } from './request-state.ts'
import type { OpenSession, SessionInfo } from '../engine/session.ts'

const EXPIRED = 'session:expired'
const EVENTS = ['session:missed', EXPIRED, 'session:invalid']
/** How many sessions' ends are remembered; the one that was served longest ago goes first. */
const ENDINGS_MAX = 10_000

/** Whether the application listens. Where it does not, none of this costs anything. */
export function isHeard({ app }: StatefulContext): boolean {
  return EVENTS.some((event) => app.listenerCount(event) > 0)
}

export interface Endings {
  see(ctx: StatefulContext, session: OpenSession): void
  /** It was ended before its time. */
  forget(session: OpenSession): void
  /** The session as this process last knew it, if its time was over by now; asked once. */
  takeExpired(publicId: string, nowMs: number): SessionInfo | undefined
}

export function sessionEndings(): Endings {
  const served = new Map<string, SessionInfo>()
  return {
    see({ app }, { info }) {
      if (info === undefined || app.listenerCount(EXPIRED) === 0) return
      served.delete(info.id)
      served.set(info.id, info)
      const [oldest = ''] = served.size > ENDINGS_MAX ? served.keys() : []
      served.delete(oldest)
    },

    forget: ({ publicId }) => void served.delete(publicId),

    takeExpired(publicId, nowMs) {
      const info = served.get(publicId)
      if (info === undefined || info.expiresAtMs > nowMs) return undefined
      served.delete(publicId)
      return info
    },
  }
}
