/**
 * How much a second worker adds. On a machine with two cores the load and the nodes need both, so no clock can say what two workers would
 * serve if they had the cores for themselves. What each thread has to do for a request says it: the busiest core is the limit.
 */
import { threadMicrosOf } from '../harness/processes/cpu-time.ts'

const CORES = 2

/** Call the result after the requests: what the busiest of two cores had to do since, in microseconds. */
export function busiestCore(pids: readonly number[]): () => number {
  const before = threadMicrosOf(pids)
  return () => {
    const spent = [...threadMicrosOf(pids)].map(([thread, micros]) => micros - (before.get(thread) ?? 0))
    // A thread runs on one core at a time, and all threads together on two.
    return Math.max(spent.reduce((sum, micros) => sum + micros, 0) / CORES, ...spent)
  }
}
