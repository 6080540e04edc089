/**
 * The last known copy of each session in this process, for requests that may be answered from it while the store is down. Bounded in
 * number and in age. A session that ends in this process is forgotten at once; an end on another node is not known here, so a route must
 * choose this policy.
 */
import type { SessionKey } from '../contract.ts'
import type { Snapshot } from '../record/record.ts'

export interface LastKnown {
  see(key: SessionKey, seen: Snapshot, nowMs: number): void
  forget(key: SessionKey): void
  lastSeen(key: SessionKey, nowMs: number): Snapshot | undefined
}

export interface LastKnownLimits {
  readonly sessionsMax: number
  /** Of their data, in characters. */
  readonly dataLengthMax: number
  readonly ageMaxMs: number
}

export function lastKnown({ sessionsMax, dataLengthMax, ageMaxMs }: LastKnownLimits): LastKnown {
  // In the order of their last use: the first is evicted first.
  const sessions = new Map<SessionKey, { readonly seen: Snapshot; readonly atMs: number }>()
  let dataLength = 0

  const forget = (key: SessionKey): void => {
    dataLength -= sessions.get(key)?.seen.body.dataText.length ?? 0
    sessions.delete(key)
  }

  return {
    see(key, seen, nowMs) {
      if (sessionsMax === 0) return
      forget(key)
      sessions.set(key, { seen, atMs: nowMs })
      dataLength += seen.body.dataText.length
      for (const oldest of sessions.keys()) {
        if (sessions.size <= sessionsMax && dataLength <= dataLengthMax) break
        forget(oldest)
      }
    },

    forget,

    lastSeen(key, nowMs) {
      const known = sessions.get(key)
      if (known === undefined || known.atMs + ageMaxMs < nowMs || known.seen.expiresAtMs <= nowMs) return undefined
      return known.seen
    },
  }
}
