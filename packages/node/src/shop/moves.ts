/** The floor: a grid on which each customer has a marker. Where it stands, and what it has collected, lives in the session. */

export const FLOOR = { width: 24, height: 14 } as const

export interface Marker {
  readonly x: number
  readonly y: number
  /** Coins. */
  readonly score: number
  /** All moves of this session. */
  readonly moves: number
}

export const AT_THE_DOOR: Marker = { x: 12, y: 7, score: 0, moves: 0 }

export interface Step {
  readonly dx: -1 | 0 | 1
  readonly dy: -1 | 0 | 1
}

/** Undefined for what is no step. */
export function stepOf({ dx, dy }: { readonly dx?: unknown; readonly dy?: unknown }): Step | undefined {
  return isUnit(dx) && isUnit(dy) ? { dx, dy } : undefined
}

/** A wall stops a marker, and counts as a move. */
export function moved({ x, y, score, moves }: Marker, { dx, dy }: Step): Marker {
  const to = { x: within(x + dx, FLOOR.width), y: within(y + dy, FLOOR.height) }
  const coin = coinFor(score)
  const found = to.x === coin.x && to.y === coin.y
  return { ...to, score: found ? score + 1 : score, moves: moves + 1 }
}

/** Each marker has a coin of its own, and finding it brings the next one. */
export function coinFor(score: number): { readonly x: number; readonly y: number } {
  return { x: (7 * score + 3) % FLOOR.width, y: (5 * score + 4) % FLOOR.height }
}

function isUnit(value: unknown): value is -1 | 0 | 1 {
  return value === -1 || value === 0 || value === 1
}

function within(value: number, size: number): number {
  return Math.min(size - 1, Math.max(0, value))
}
