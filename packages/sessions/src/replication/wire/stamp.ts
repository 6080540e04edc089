import type { Stamp } from './messages.ts'

export function isLater(left: Stamp, right: Stamp): boolean {
  if (left.view !== right.view) return left.view > right.view
  if (left.counter !== right.counter) return left.counter > right.counter
  return left.rank > right.rank
}

export function isSameStamp(left: Stamp, right: Stamp): boolean {
  return left.counter === right.counter && left.rank === right.rank && left.view === right.view
}
