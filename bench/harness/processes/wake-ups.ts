/** How often a process was woken: each voluntary switch of a thread ends in a wake-up. */
import { readdirSync, readFileSync } from 'node:fs'

export function wakeUpsOf(pid: number): number {
  const tasks = `/proc/${pid}/task`
  const switches = readdirSync(tasks).map((task) => {
    const [, count] = /^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`${tasks}/${task}/status`, 'utf8')) ?? []
    return Number(count)
  })
  return switches.reduce((sum, each) => sum + each, 0)
}
