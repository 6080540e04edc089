/** The CPU time of any processes: user and system, of all their threads, from /proc in nanoseconds. */
import { readdirSync, readFileSync } from 'node:fs'

export function cpuMicrosOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ofProcess(pid), 0)
}

/** `schedstat` begins with the nanoseconds that the thread ran; a thread that has ended takes its own with it. */
function ofProcess(pid: number): number {
  const tasks = `/proc/${pid}/task`
  const nanos = readdirSync(tasks).map((task) =>
    Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
  )
  return nanos.reduce((sum, each) => sum + each, 0) / 1_000
}
