/**
 * What a user's moves on the floor should have come to. Every answer there shows how many moves the session has: at least those that were
 * acknowledged or shown before it was asked for, and at most those that were sent.
 */
import type { Done, Floor, FloorProblem, Shown, Visit, Write } from './visit.ts'

/** More than the tabs of a user, as only answers at the same time can't be compared. */
const SHOWN_MAX = 16
const NO_PROBLEMS: readonly FloorProblem[] = []

export function newFloor(): Floor {
  return { moves: [], shown: [], shortfall: undefined, lost: 0, doubled: 0 }
}

export function acknowledgedMoves({ floor }: Visit): number {
  return floor?.moves.filter(({ outcome }) => outcome === 'ok').length ?? 0
}

/** Compares what an answer shows with what is known of the visit. `own` is its move, if it acknowledges one. */
export function judgeFloor(visit: Visit, { sent, ended }: Done, own: Write | undefined): readonly FloorProblem[] {
  if ((sent.kind !== 'move' && sent.kind !== 'hello') || ended.outcome !== 'ok' || ended.count === undefined)
    return NO_PROBLEMS
  const floor = (visit.floor ??= newFloor())
  const { op, sentAtMs } = sent
  const answer: Shown = { op, sentAtMs, endedAtMs: ended.endedAtMs, moves: ended.count, at: ended.at }
  const problems: FloorProblem[] = []

  const tried = floor.moves.filter(({ outcome }) => outcome !== 'failed')
  const times = answer.moves - tried.length - floor.doubled
  if (times > 0) {
    floor.doubled += times
    problems.push({ problem: 'doubled', answer, times, sent: tried })
  }

  const earlier = floor.shown.filter((shown) => shown.endedAtMs < sentAtMs)
  const highest = earlier.reduce<Shown | undefined>((a, b) => (a !== undefined && a.moves > b.moves ? a : b), undefined)
  const acknowledged = floor.moves.filter((move) => move.outcome === 'ok' && move.endedAtMs < sentAtMs)
  const step = own === undefined ? 0 : 1
  const missing = acknowledged.length - floor.lost + step - answer.moves
  const isShort = missing > 0 || (highest !== undefined && answer.moves < highest.moves + step)
  const { shortfall } = floor
  if (highest !== undefined && isElsewhere(answer, highest, tried.length))
    problems.push({ problem: 'elsewhere', answer, before: highest })
  if (shortfall !== undefined && sentAtMs > shortfall.answer.endedAtMs) {
    floor.shortfall = undefined
    const isLost = missing > 0 && shortfall.lost > 0
    if (isLost) {
      floor.lost += missing
      // What was shown before no longer counts.
      floor.shown.length = 0
      problems.push({ problem: 'lost', ...shortfall, lost: missing, confirmedBy: answer })
    } else problems.push({ problem: 'behind', ...shortfall, again: answer })
  } else if (shortfall === undefined && isShort) {
    const last = acknowledged.at(-1)
    const proof = missing > 0 && last !== undefined ? last : highest
    if (proof !== undefined) floor.shortfall = { answer, lost: Math.max(0, missing), proof }
  }

  floor.shown.push(answer)
  if (floor.shown.length > SHOWN_MAX) floor.shown.shift()
  return problems
}

/**
 * No choice of the user's own moves leads from one place to the other, since each leads to a field beside, or against a wall. A lost or
 * doubled move is a choice as well.
 */
function isElsewhere({ at }: Shown, before: Shown, moves: number): boolean {
  if (at === undefined || before.at === undefined) return false
  return Math.max(Math.abs(at[0] - before.at[0]), Math.abs(at[1] - before.at[1])) > moves
}
