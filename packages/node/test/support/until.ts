import { setTimeout as sleep } from 'node:timers/promises'

const DEADLINE_MS = 60_000
const LOOK_EVERY_MS = 10

/** Resolves with what `look` finds, as soon as it finds something other than undefined and false. */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, undefined | false>> {
  const deadlineAtMs = Date.now() + DEADLINE_MS
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>
    if (Date.now() > deadlineAtMs) throw new Error(`waited ${DEADLINE_MS} ms for ${what}`)
    await sleep(LOOK_EVERY_MS)
  }
}
