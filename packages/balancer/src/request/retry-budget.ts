/**
 * How many requests may be sent again: a share of those of the last seconds, so that nodes which fail because they are
 * overloaded don't get still more to do. What was not needed is kept for some seconds, because a node that dies takes all
 * that it held with it in one instant. A few are always allowed, or a quiet hour would have none for the one node that dies in
 * it. Those of which nothing was sent are not counted: they cost a node nothing.
 *
 * The way of every request only counts it; what has been saved is computed when it is needed.
 */
export interface RetryBudgetLimits {
  readonly retryPercent: number
  readonly retryPerSMin: number
}

/** Savings fade with this time constant: at a steady rate, as many are kept as so many milliseconds bring. */
const KEPT_MS = 10_000

export class RetryBudget {
  readonly #limits: RetryBudgetLimits
  #reckonedAtMs: number
  /** Since it was reckoned. */
  #requests = 0
  #saved = 0
  #few: number

  constructor(limits: RetryBudgetLimits, nowMs: number) {
    this.#limits = limits
    this.#reckonedAtMs = nowMs
    this.#few = limits.retryPerSMin
  }

  request(): void {
    this.#requests += 1
  }

  left(nowMs: number): boolean {
    this.#reckon(nowMs)
    return this.#few >= 1 || this.#saved >= 1
  }

  spend(): void {
    if (this.#few >= 1) this.#few -= 1
    else this.#saved -= 1
  }

  #reckon(nowMs: number): void {
    const { retryPercent, retryPerSMin } = this.#limits
    const passed = (nowMs - this.#reckonedAtMs) / KEPT_MS
    const earned = (this.#requests * retryPercent) / 100
    this.#reckonedAtMs = nowMs
    this.#requests = 0
    this.#few = Math.min(retryPerSMin, this.#few + (retryPerSMin * passed * KEPT_MS) / 1_000)
    // What was earned came evenly over the time that passed, and has faded as evenly.
    const fading = Math.exp(-passed)
    this.#saved = this.#saved * fading + (passed > 0 ? (earned * (1 - fading)) / passed : earned)
  }
}
