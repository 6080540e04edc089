/** Requests over HTTP, at a steady rate beside the sockets: how long they wait, and how many fail. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface HttpBeside {
  readonly sent: number
  readonly failed: number
  /** From when it was due. They are too few for a percentile. */
  readonly longestMs: number
}

const EVERY_MS = 20
const ANSWER_WITHIN_MS = 10_000

/** Sends them until `act` has ended. */
export async function withHttpBeside<T>(
  shopUrl: string,
  cookie: string,
  act: () => Promise<T>,
): Promise<{ readonly result: T; readonly http: HttpBeside }> {
  let sent = 0
  let longestMs = 0
  const underWay = new Set<Promise<void>>()
  let failed = 0
  const ask = async (dueMs: number): Promise<void> => {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    try {
      const response = await fetch(`${shopUrl}/api/cart`, { headers: { cookie }, signal })
      await response.arrayBuffer()
      if (!response.ok) failed++
    } catch {
      failed++
    }
    sent++
    longestMs = Math.max(longestMs, performance.now() - dueMs)
  }
  const ending = new AbortController()
  const asking = (async () => {
    for (let dueMs = performance.now(); !ending.signal.aborted; dueMs += EVERY_MS) {
      await sleep(Math.max(0, dueMs - performance.now()))
      const asked = ask(dueMs)
      underWay.add(asked)
      void asked.finally(() => underWay.delete(asked))
    }
  })()
  try {
    const result = await act()
    ending.abort()
    await asking
    await Promise.all(underWay)
    return { result, http: { sent, failed, longestMs } }
  } finally {
    ending.abort()
  }
}
