/**
 * Whether an upstream takes traffic, as a state machine without clock, timer or socket: time is an argument, so a test
 * advances it itself.
 *
 *     up ──(says 503)──▶ draining ──(refused, or `fall` failures)──▶ down
 *      ▲ └──────────────(refused, or `fall` failures)─────────────▶   │
 *      └────────────(`rise` ready answers in a row)───────────────────┘
 *
 * A refused connection of a probe or a request ejects at once: no process listens there. Any other failure may be the fault of one
 * request, so it takes `fall` probes. A node that was down and now answers 503 stays down until it is ready; only a node that was up
 * becomes *draining*.
 *
 * A node that answers a probe late is *suspected* before it is ejected. That is cheap to undo: as long as there are others it gets no new
 * requests, and its next answer, whatever it says, ends the suspicion.
 */

export type Standing = 'up' | 'draining' | 'down'

export type ProbeOutcome =
  /** The node's incarnation and the routes where it honours keys, if it reports them. */
  | { readonly result: 'ready' | 'unready'; readonly incarnation?: string; readonly honoured?: string }
  | { readonly result: 'refused' | 'failed'; readonly reason: string }

export interface HealthRules {
  readonly rise: number
  readonly fall: number
}

export type HealthChange =
  | { readonly to: 'up'; readonly outForMs: number }
  | { readonly to: 'draining' }
  | { readonly to: 'down'; readonly reason: string }
  | { readonly to: 'suspected'; readonly reason: string }

export interface Detector {
  readonly standing: Standing
  readonly suspected: boolean
  /** Whether the last probe failed; one failure may not be enough to eject. */
  readonly failing: boolean
  /** A probe has had no answer for longer than it should. */
  late(reason: string): HealthChange | undefined
  /** The result of a probe. A probe that began before the last change is no evidence of recovery from it. */
  probed(outcome: ProbeOutcome, startedAtMs: number, nowMs: number): HealthChange | undefined
  /** A request found that no process listens there. */
  refused(reason: string, nowMs: number): HealthChange | undefined
}

export function detector(rules: HealthRules): Detector {
  return new RuledDetector(rules)
}

class RuledDetector implements Detector {
  standing: Standing = 'up'
  suspected = false
  readonly #rules: HealthRules
  #readyInARow = 0
  #failedInARow = 0
  #changedAtMs = -Infinity
  #outSinceMs = 0

  constructor(rules: HealthRules) {
    this.#rules = rules
  }

  get failing(): boolean {
    return this.#failedInARow > 0
  }

  late(reason: string): HealthChange | undefined {
    if (this.suspected || this.standing === 'down') return undefined
    this.suspected = true
    return { to: 'suspected', reason }
  }

  probed(outcome: ProbeOutcome, startedAtMs: number, nowMs: number): HealthChange | undefined {
    switch (outcome.result) {
      case 'ready':
        return this.#ready(startedAtMs, nowMs)
      case 'unready':
        return this.#unready(nowMs)
      case 'refused':
        return this.refused(outcome.reason, nowMs)
      case 'failed':
        return this.#failed(outcome.reason, nowMs)
    }
  }

  refused(reason: string, nowMs: number): HealthChange | undefined {
    this.#readyInARow = 0
    if (this.standing === 'down') return undefined
    this.#change('down', nowMs)
    return { to: 'down', reason }
  }

  #ready(startedAtMs: number, nowMs: number): HealthChange | undefined {
    this.#failedInARow = 0
    this.suspected = false
    if (this.standing === 'up' || startedAtMs < this.#changedAtMs) return undefined
    this.#readyInARow += 1
    if (this.#readyInARow < this.#rules.rise) return undefined
    this.#change('up', nowMs)
    return { to: 'up', outForMs: nowMs - this.#outSinceMs }
  }

  #unready(nowMs: number): HealthChange | undefined {
    this.#readyInARow = 0
    this.#failedInARow = 0
    this.suspected = false
    if (this.standing !== 'up') return undefined
    this.#change('draining', nowMs)
    return { to: 'draining' }
  }

  #failed(reason: string, nowMs: number): HealthChange | undefined {
    this.#readyInARow = 0
    this.#failedInARow += 1
    return this.#failedInARow < this.#rules.fall ? undefined : this.refused(reason, nowMs)
  }

  #change(to: Standing, nowMs: number): void {
    if (this.standing === 'up') this.#outSinceMs = nowMs
    this.standing = to
    this.suspected = false
    this.#changedAtMs = nowMs
    this.#readyInARow = 0
    this.#failedInARow = 0
  }
}
