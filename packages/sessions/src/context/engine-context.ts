/** The options of an engine, and the services that all requests of its process share. */
import type { SessionKey } from '../contract.ts'
import { backOff } from './back-off.ts'
import { endings, type Endings } from './endings.ts'
import { type CheckedEngineOptions, checkedEngineOptions, type EngineOptions } from './engine-options.ts'
import { lastKnown, type LastKnown } from './last-known.ts'
import { type SessionCounts, sessionCounts, type SessionEnd } from '../observability/session-counts.ts'
import { turns, type Turns } from './turns.ts'
import { visitorIdleMs, type Visitors, visitors } from './visitors.ts'

export interface EngineContext extends Omit<CheckedEngineOptions, 'visitors' | 'lastKnown'> {
  readonly counts: SessionCounts
  readonly visitors: Visitors
  readonly visitorIdleTimeoutMs: number
  /** What this process last saw of each session. */
  readonly lastKnown: LastKnown
  /** The queues of writers after a conflict, by session. */
  readonly turns: Turns
  readonly endings: Endings
  /**
   * A change by the bearer of an alias rotates the id once more. For sessions that travel with their client: what the alias
   * has changed is in its own answer, which must not bring back a secret that was rotated away.
   */
  readonly aliasesRotate: boolean
  /** That all sessions of a user were ended is remembered until then at least: sessions that began before may yet be adopted. */
  readonly endingsKeptUntilMs: number
  /** The session is over: destroyed, and fenced against the requests that still hold it. Counted where there is a `reason`. */
  end(key: SessionKey, reason: SessionEnd | undefined): Promise<void>
  /** Waits before another try of a commit: longer and more random with each. */
  backOff(attempt: number): Promise<void>
}

/** Throws SessionOptionsError for what can't be used. */
export function engineContext(given: EngineOptions): EngineContext {
  const options = checkedEngineOptions(given)
  const { random, onEvent } = options
  return withEnd({
    ...options,
    counts: sessionCounts(),
    visitors: visitors(options.visitors, () => onEvent({ event: 'visitor-refused' })),
    visitorIdleTimeoutMs: visitorIdleMs(options.visitors, options.idleTimeoutMs),
    lastKnown: lastKnown(options.lastKnown),
    turns: turns(options.commitTimeMaxMs),
    endings: endings(),
    aliasesRotate: false,
    endingsKeptUntilMs: 0,
    backOff: (attempt) => backOff(attempt, random),
  })
}

/** Options that may differ for one adapter, or for one request. */
export type Overrides = Partial<
  Pick<EngineContext, 'store' | 'idempotencyBytesMax' | 'aliasesRotate' | 'endingsKeptUntilMs'>
>

export function overridden(context: EngineContext, overrides: Overrides): EngineContext {
  return withEnd({ ...context, ...overrides })
}

function withEnd(context: Omit<EngineContext, 'end'>): EngineContext {
  const { store, clock, requestTimeMaxMs, lastKnown: known, endings, counts, onStep } = context
  return {
    ...context,

    async end(key, reason) {
      known.forget(key)
      onStep('before-commit')
      // A request that read the session before it ended has seen it meanwhile.
      await store.destroy(key, { fenceUntilMs: clock.now() + requestTimeMaxMs }).finally(() => known.forget(key))
      onStep('after-commit')
      if (reason !== undefined) counts.ended[reason]++
      await endings.onEnded?.(key)
    },
  }
}
