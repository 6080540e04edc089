/** How many requests were sent on from which upstream: a line a second for each, and none while nothing is sent on. */
import type { Logger } from 'pino'

export interface ResentLog {
  /** `sent`: what the upstream may have seen of the request before it went to another one. */
  note(upstream: string, sent: 'nothing' | 'something'): void
}

interface Resent {
  /** The upstream may have carried them out. */
  retries: number
  /** It has seen nothing of them. */
  reroutes: number
}

const SECOND_MS = 1_000

export function resentLog(log: Logger): ResentLog {
  const resent = new Map<string, Resent>()

  function write(): void {
    for (const [upstream, counts] of resent) log.info({ event: 'requests-resent', upstream, ...counts })
    resent.clear()
  }

  return {
    note(upstream, sent) {
      if (resent.size === 0) setTimeout(write, SECOND_MS).unref()
      const counts = resent.get(upstream) ?? { retries: 0, reroutes: 0 }
      if (sent === 'nothing') counts.reroutes++
      else counts.retries++
      resent.set(upstream, counts)
    },
  }
}
