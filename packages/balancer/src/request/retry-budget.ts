/**
 * Bounds the retries to a share of the requests of the last seconds, so that retries don't multiply an overload. Unused budget is kept
 * for some seconds, because a node that dies fails all its requests in one instant. A few retries are always allowed, or in a quiet hour
 * there would be none when a node dies. Requests of which nothing was sent are not counted: they cost a node nothing.
 *
 * Each request only increments a counter; the budget is computed when a retry needs it.
 */
export interface RetryBudgetLimits {
  readonly retryPercent: number
  readonly retryPerSMin: number
}

/** Unused budget decays with this time constant: at a steady rate, the budget of so many milliseconds is kept. */
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
    // Assumes that the requests came evenly over the time that passed.
    const fading = Math.exp(-passed)
    this.#saved = this.#saved * fading + (passed > 0 ? (earned * (1 - fading)) / passed : earned)
  }
}
