import { setTimeout as sleep } from 'node:timers/promises'
import type { RandomBytes } from '../secrets/id.ts'

const UNIT_MS = 2
const MAX_MS = 100

/** Waits before another try of a change that another writer was faster with: longer and more random with each. */
export async function backOff(attempt: number, random: RandomBytes): Promise<void> {
  // The first retry is immediate: the other writer has finished, and most conflicts are between two writers.
  if (attempt === 1) return
  const limitMs = Math.min(MAX_MS, UNIT_MS * 2 ** attempt)
  await sleep((limitMs * random(4).readUInt32BE()) / 2 ** 32)
}
