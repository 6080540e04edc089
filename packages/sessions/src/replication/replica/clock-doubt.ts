/**
 * Whether the wall clock is in doubt. One that has jumped ahead may be wrong, and be put back. Until then what it takes for expired is absent, but
 * must not be removed: this peer is a copy of it. A suspended machine's clock jumps, too, and is right.
 */

/** By so much a clock is set, and does not drift between two looks. */
const JUMP_MS = 60_000
/** A time server or an operator has put it back by then, or it is right. */
const DOUBT_MS = 10 * 60_000

export class ClockDoubt {
  /** How far the wall clock was ahead of the monotonic one when it was looked at last. */
  #aheadMs = Infinity
  /** The same, when it was not in doubt. */
  #trustedAheadMs = Infinity
  #untilMs = Number.NEGATIVE_INFINITY

  /** Until when the wall clock is in doubt, by the monotonic one; undefined when it is not. */
  look(wallMs: number, now: number): number | undefined {
    const aheadMs = wallMs - now
    if (aheadMs - this.#aheadMs > JUMP_MS) this.#untilMs = now + DOUBT_MS
    this.#aheadMs = aheadMs
    const isAhead = aheadMs - this.#trustedAheadMs > JUMP_MS
    if (isAhead && now < this.#untilMs) return this.#untilMs
    this.#trustedAheadMs = aheadMs
    return undefined
  }
}
