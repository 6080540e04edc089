/** The share of the machine that other processes used during a measurement, by the kernel's count. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { processTree } from './process-tree.ts'

/** Above this share, a measurement is excluded. */
const OTHERS_SHARE_MAX = 0.2

const TICK_MS = 10

/** Returns a function that returns the share of all cores that was neither idle nor ours since; undefined where the system has no /proc. */
export function watchOthers(): () => number | undefined {
  const beganMs = performance.now()
  const before = othersMs()
  return () => {
    const after = othersMs()
    if (before === undefined || after === undefined) return undefined
    return Math.max(0, (after - before) / ((performance.now() - beganMs) * availableParallelism()))
  }
}

export function whyBusy(share: number | undefined): string | undefined {
  if (share === undefined || share <= OTHERS_SHARE_MAX) return undefined
  return `others had ${Math.round(100 * share)} % of the machine`
}

/** What a caption ends with where the machine was not quiet: before the measurements, or by the largest share of others during one. */
export function doubtOfTimes(wasBusy: boolean, share: number): string {
  const why = whyBusy(share)
  const doubts = [...(wasBusy ? ['the machine was busy when this began'] : []), ...(why === undefined ? [] : [why])]
  return doubts.length === 0 ? '' : ` **Times are not to be quoted: ${doubts.join('; ')}.**`
}

function othersMs(): number | undefined {
  try {
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync('/proc/stat', 'utf8')
      .slice('cpu '.length, 500)
      .trim()
      .split(/\s+/, 8)
      .map(Number)
    const all = user + nice + system + irq + softirq + steal
    return (all - processTree(process.pid).reduce((sum, pid) => sum + ticksOf(pid), 0)) * TICK_MS
  } catch {
    // This system has no /proc.
    return undefined
  }
}

/** Of a process and its children that have ended. */
function ticksOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  } catch {
    // It has ended, and its parent counts its time.
    return 0
  }
}
