import type { CountProblem, Done, Visit, Write } from './visit.ts'

/** Compares a count's number with those of the visit's other counts. */
export function judgeCount(visit: Visit, done: Done, own: Write): CountProblem | undefined {
  const { count } = done.ended
  if (count === undefined) return undefined
  const tried = visit.counts
  if (count > tried.length) return { problem: 'ahead', done }
  const failed = tried.find(({ outcome }) => outcome === 'failed')
  const counts = tried.filter(({ outcome }) => outcome !== 'failed')
  if (count > counts.length) return { problem: 'undone', done, ...(failed && { other: failed }) }
  const others = counts.filter((write) => write !== own && write.count !== undefined)
  const same = others.find((write) => write.count === count)
  if (same !== undefined) return { problem: 'taken', done, other: same }
  const higher = others.find((write) => write.endedAtMs < own.sentAtMs && Number(write.count) > count)
  return higher && { problem: 'behind', done, other: higher }
}
