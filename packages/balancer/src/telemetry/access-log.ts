/**
 * A line for each request that is over, while they are few. Above the bound of lines a second one in n is logged, n by the rate of the
 * second before, and the line says n. Failures (5xx, an answer cut off) are always logged, up to a bound of the same size.
 */
import type { Logger } from 'pino'
import { REQUEST } from './log.ts'

/** Called only if its line is written. */
export interface AccessRecord {
  describe(): object
}

export interface AccessLog {
  over(code: string, nowMs: number, record: AccessRecord): void
}

const SECOND_MS = 1_000

/** `linesPerSecond` 0: nothing is logged. */
export function accessLog(log: Logger, linesPerSecond: () => number): AccessLog {
  let secondSinceMs = -Infinity
  let requests = 0
  let lines = 0
  let failures = 0
  let oneIn = 1

  function nextSecond(nowMs: number, most: number): void {
    const isNext = nowMs - secondSinceMs < 2 * SECOND_MS
    oneIn = isNext ? Math.max(1, Math.ceil(requests / most)) : 1
    secondSinceMs = nowMs
    requests = 0
    lines = 0
    failures = 0
  }

  return {
    over(code, nowMs, record) {
      const most = linesPerSecond()
      if (most === 0) return
      if (nowMs - secondSinceMs >= SECOND_MS) nextSecond(nowMs, most)
      requests += 1
      if (isFailure(code)) {
        if (failures >= most) return
        failures += 1
        return log.info({ code, ...record.describe() }, REQUEST)
      }
      if (requests % oneIn !== 0 || lines >= most) return
      lines += 1
      log.info(oneIn === 1 ? { code, ...record.describe() } : { code, ...record.describe(), oneIn }, REQUEST)
    },
  }
}

function isFailure(code: string): boolean {
  return code === 'cut' || code.startsWith('5')
}
