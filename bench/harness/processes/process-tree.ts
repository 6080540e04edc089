/** A process and its descendants: a balancer may be several processes. */
import { readdirSync, readFileSync } from 'node:fs'

/** Without processes that have ended. */
export function processTree(pid: number): number[] {
  const children = childrenOf(pid)
  return children === undefined ? [] : [pid, ...children.flatMap((child) => processTree(child))]
}

/** Undefined when there is no such process. */
function childrenOf(pid: number): number[] | undefined {
  try {
    const tasks = `/proc/${pid}/task`
    const texts = readdirSync(tasks).map((task) => readFileSync(`${tasks}/${task}/children`, 'utf8'))
    return texts.flatMap((text) => text.split(' ').filter(Boolean).map(Number))
  } catch {
    // It has ended, and its directory with it.
    return undefined
  }
}
