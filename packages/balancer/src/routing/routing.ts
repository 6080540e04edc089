/**
 * Which upstream a request is tried at next. Upstreams that take traffic come first; when all of them were tried, those that drain; then
 * those that were ejected ("panic"): the evidence against them may be old or wrong, and a request that fails there would have failed
 * anyway. So the last upstream stays in use.
 *
 * A *rule* chooses among upstreams of equal standing. If all of them are full, the request waits.
 */
import type { Upstream } from '../upstreams/upstream.ts'

/** Why it is this upstream, in a word for logs and for `/decisions`. */
export type Why = 'turn' | 'least-busy' | 'pinned' | 'moved' | 'owner' | 'not-owner'

export interface Choice {
  readonly upstream: Upstream
  readonly why: Why
  /** The details, for logs and for `/decisions`. */
  readonly because?: string
  /** Header fields that go out with this upstream's answer, names and values by turns. */
  readonly fields: readonly string[]
}

/** Every upstream that could take it is full: try again when this one has room, or any if none is named. */
export interface Busy {
  readonly busy: Upstream | undefined
  /** The same for requests that want the same upstreams, also after their standing changed. */
  readonly line: string
}

export interface Routing {
  /** Undefined when every upstream was tried. A request that is not `patient` has waited for its preferred upstream, and now takes any. */
  pick(cookieHeader: string | undefined, tried: readonly Upstream[], patient?: boolean): Choice | Busy | undefined
}

/** Chooses among upstreams, of which there is at least one. */
export interface Rule {
  readonly why: Why
  choose(among: readonly Upstream[]): Upstream
}

/** A suspected upstream comes after the others that are up, and before those that drain or are down. */
const PREFERENCE: readonly ((upstream: Upstream) => boolean)[] = [
  isEligible,
  ({ standing, suspected, isRetired }) => standing === 'draining' && !suspected && !isRetired,
  ({ standing, isRetired }) => standing !== 'down' && !isRetired,
  ({ standing }) => standing !== 'down',
  ({ standing }) => standing === 'down',
]
/** Requests without a preference of their own. */
export const ANY_LINE = 'any'
export const NO_FIELDS: readonly string[] = []

/** The choice for a request without a preferred upstream. */
export function byRule(upstreams: readonly Upstream[], rule: Rule): Routing {
  return {
    pick(_cookieHeader, tried) {
      const equals = bestLeft(upstreams, tried)
      const free = equals.every(hasRoom) ? equals : equals.filter(hasRoom)
      if (free.length > 0) return { upstream: rule.choose(free), why: rule.why, fields: NO_FIELDS }
      return equals.length > 0 ? { busy: undefined, line: ANY_LINE } : undefined
    },
  }
}

/** The untried upstreams of the best standing that has any. */
export function bestLeft(upstreams: readonly Upstream[], tried: readonly Upstream[]): readonly Upstream[] {
  // Most often all have the same standing, and the list itself will do.
  if (tried.length === 0 && upstreams.length > 0 && upstreams.every(isEligible)) return upstreams
  for (const isPreferred of PREFERENCE) {
    const left = upstreams.filter((upstream) => isPreferred(upstream) && !tried.includes(upstream))
    if (left.length > 0) return left
  }
  return []
}

function isEligible(upstream: Upstream): boolean {
  return upstream.isEligible
}

function hasRoom(upstream: Upstream): boolean {
  return upstream.hasRoom
}
