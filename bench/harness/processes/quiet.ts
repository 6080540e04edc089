/** Says before a run that the machine is busy, and waits for a quiet one if that is asked for. */
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { watchOthers, whyBusy } from './machine-load.ts'

export interface Voice {
  readonly say: (text: string) => void
  readonly progress: (text: string) => void
  readonly signal: AbortSignal
}

/** Of one look at the machine. */
const LOOK_MS = 2_000

export async function untilQuiet(waitMinutes: number, rate: number, voice: Voice, look = busyNow): Promise<void> {
  const { say, progress, signal } = voice
  const first = await look(signal)
  if (first === undefined) return
  say(
    `This machine is busy: ${first}, of ${availableParallelism()} cores. Losses are counts, and hold whatever the load. Times do not: they are\n` +
      `left out, or marked with ~ where all were disturbed. --wait 30 waits until it is quiet; --rate ${Math.ceil(rate / 4)} makes the load smaller.`,
  )
  const untilMs = performance.now() + waitMinutes * 60_000
  for (let busy: string | undefined = first; busy !== undefined && performance.now() < untilMs;) {
    progress(`waiting for a quiet machine: ${busy}`)
    busy = await look(signal)
  }
}

async function busyNow(signal: AbortSignal): Promise<string | undefined> {
  const others = watchOthers()
  await sleep(LOOK_MS, undefined, { signal })
  return whyBusy(others())
}
