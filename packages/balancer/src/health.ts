/**
 * Whether an upstream takes traffic, as a state machine without clock, timer or socket: time is an argument, so a test
 * advances it itself.
 *
 *     up ──(says 503)──▶ draining ──(refused, or `fall` failures)──▶ down
 *      ▲ └──────────────(refused, or `fall` failures)─────────────▶   │
 *      └────────────(`rise` ready answers in a row)───────────────────┘
 *
 * A refused connection ejects at once, whether a probe or a request met it: nobody listens there. Everything else may be
 * one request's own fault, so it takes `fall` probes. A node that was down and now answers 503 stays down until it is
 * ready; *draining* is only what a node says that was up before.
 */

export type Standing = 'up' | 'draining' | 'down'

export type ProbeOutcome =
  /** Which life of the node answered, where it says so. */
  | { readonly result: 'ready' | 'unready'; readonly incarnation?: string | undefined }
  | { readonly result: 'refused' | 'failed'; readonly reason: string }

export interface HealthRules {
  readonly rise: number
  readonly fall: number
}

export type HealthChange =
  | { readonly to: 'up'; readonly outForMs: number }
  | { readonly to: 'draining' }
  | { readonly to: 'down'; readonly reason: string }

export interface Detector {
  readonly standing: Standing
  /** What a probe found. A probe that set out before the last change is no evidence of recovery from it. */
  probed(outcome: ProbeOutcome, startedAtMs: number, nowMs: number): HealthChange | undefined
  /** A request found nobody listening. */
  refused(reason: string, nowMs: number): HealthChange | undefined
}

export function detector(rules: HealthRules): Detector {
  let standing: Standing = 'up'
  let readyInARow = 0
  let failedInARow = 0
  let changedAtMs = -Infinity
  let outSinceMs = 0

  function change(to: Standing, nowMs: number): void {
    if (standing === 'up') outSinceMs = nowMs
    standing = to
    changedAtMs = nowMs
    readyInARow = 0
    failedInARow = 0
  }

  function eject(reason: string, nowMs: number): HealthChange | undefined {
    readyInARow = 0
    if (standing === 'down') return undefined
    change('down', nowMs)
    return { to: 'down', reason }
  }

  function ready(startedAtMs: number, nowMs: number): HealthChange | undefined {
    failedInARow = 0
    if (standing === 'up' || startedAtMs < changedAtMs) return undefined
    readyInARow += 1
    if (readyInARow < rules.rise) return undefined
    change('up', nowMs)
    return { to: 'up', outForMs: nowMs - outSinceMs }
  }

  function unready(nowMs: number): HealthChange | undefined {
    readyInARow = 0
    failedInARow = 0
    if (standing !== 'up') return undefined
    change('draining', nowMs)
    return { to: 'draining' }
  }

  function failed(reason: string, nowMs: number): HealthChange | undefined {
    readyInARow = 0
    failedInARow += 1
    return failedInARow < rules.fall ? undefined : eject(reason, nowMs)
  }

  return {
    get standing() {
      return standing
    },
    probed(outcome, startedAtMs, nowMs) {
      switch (outcome.result) {
        case 'ready':
          return ready(startedAtMs, nowMs)
        case 'unready':
          return unready(nowMs)
        case 'refused':
          return eject(outcome.reason, nowMs)
        case 'failed':
          return failed(outcome.reason, nowMs)
      }
    },
    refused: eject,
  }
}
