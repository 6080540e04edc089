import type { SessionsOptions } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'

export const MINUTE_MS = 60_000
export const DAY_MS = 24 * 60 * MINUTE_MS

/** A clock that only the test moves, and a store that goes by it. */
export function timed(): { time: { nowMs: number }; options: Pick<SessionsOptions, 'clock' | 'store'> } {
  const time = { nowMs: Date.now() }
  const clock = { now: () => time.nowMs }
  return { time, options: { clock, store: memoryStore({ clock }) } }
}
