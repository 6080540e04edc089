/**
 * How many requests may be sent again: a share of all there are, so that nodes which fail because they are overloaded don't get
 * still more to do. A few are always allowed, or a quiet hour would have none for the one node that dies in it. Those of which
 * nothing was sent are not counted: they cost a node nothing.
 *
 * The way of every request only counts it; how many that makes a second is reckoned when somebody wants to know.
 */
export interface RetryBudgetLimits {
  readonly retryPercent: number
  readonly retryPerSMin: number
}

const WINDOW_MS = 1_000

export class RetryBudget {
  readonly #limits: RetryBudgetLimits
  #windowFromMs = -Infinity
  #requests = 0
  #requestsPerS = 0
  #retries = 0

  constructor(limits: RetryBudgetLimits) {
    this.#limits = limits
  }

  request(): void {
    this.#requests += 1
  }

  left(nowMs: number): boolean {
    const windowMs = nowMs - this.#windowFromMs
    if (windowMs >= WINDOW_MS) {
      this.#requestsPerS = (this.#requests * 1_000) / windowMs
      this.#windowFromMs = nowMs
      this.#requests = 0
      this.#retries = 0
    }
    const perS = Math.max(this.#requestsPerS, this.#requests)
    return this.#retries < Math.max(this.#limits.retryPerSMin, (perS * this.#limits.retryPercent) / 100)
  }

  spend(): void {
    this.#retries += 1
  }
}
