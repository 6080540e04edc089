/** The CPU time of any processes: user and system, from /proc in nanoseconds. */
import { readdirSync, readFileSync } from 'node:fs'

/** Of all their threads. */
export function cpuMicrosOf(pids: readonly number[]): number {
  return [...threadMicrosOf(pids).values()].reduce((sum, micros) => sum + micros, 0)
}

/** By thread. `schedstat` begins with the nanoseconds that the thread ran; a thread that has ended takes its own with it. */
export function threadMicrosOf(pids: readonly number[]): ReadonlyMap<string, number> {
  const threads = pids.flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`))
  return new Map(threads.map((path) => [path, Number(readFileSync(`${path}/schedstat`, 'utf8').split(' ')[0]) / 1_000]))
}
