/**
 * A client stays with the upstream of its cookie, as long as that incarnation takes traffic. While the upstream is full or suspected, the
 * client waits for it, within bounds. Otherwise it moves, gets another cookie, and the answer says so: what the former node kept in
 * memory for it is not at the new one.
 */
import type { AffinityCookies, Pin } from './affinity-cookies.ts'
import { NO_FIELDS } from './routing.ts'
import type { Choice, Routing } from './routing.ts'
import type { Upstream } from '../upstreams/upstream.ts'

/** On the first answer after a move: the former upstream, and the reason for the move. */
export const MOVED_FIELD = 'X-Affinity-Moved'

export type MoveReason = 'gone' | 'restarted' | 'down' | 'draining' | 'failed' | 'busy' | 'suspected'

export interface AffinityOptions {
  readonly upstreams: readonly Upstream[]
  readonly cookies: AffinityCookies
  /** For clients without a cookie, and those that move. */
  readonly unpinned: Routing
}

export function affinity({ upstreams, cookies, unpinned }: AffinityOptions): Routing {
  return {
    pick(cookieHeader, tried, patient = true) {
      const pin = cookies.read(cookieHeader)
      const pinned = pin && upstreams.find(({ name }) => name === pin.name)
      const reason = pin && whyNot(pinned, pin.alive, tried)
      if (pin !== undefined && pinned !== undefined && reason === undefined) {
        if (pinned.hasRoom && !isHeldBack(pinned, upstreams, tried)) {
          const fields = pin.current ? NO_FIELDS : ['Set-Cookie', cookies.issue(pinned)]
          return { upstream: pinned, why: 'pinned', fields }
        }
        if (patient) return { busy: pinned, line: lineOf(pin) }
      }
      const choice = unpinned.pick(cookieHeader, tried)
      if (choice === undefined) return undefined
      // Its upstream may have room soon, so it waits for that one.
      if ('busy' in choice) return pin === undefined ? choice : { busy: undefined, line: lineOf(pin) }
      const { upstream } = choice
      // No other upstream was left or better: the client stays.
      if (upstream === pinned && reason !== 'restarted') return { upstream, why: 'pinned', fields: NO_FIELDS }
      const set = ['Set-Cookie', cookies.issue(upstream)]
      if (pin === undefined) return { upstream, why: choice.why, fields: set }
      return moved(upstream, pin.name, reason ?? (pinned?.suspected === true ? 'suspected' : 'busy'), set)
    },
  }
}

function lineOf({ name, alive }: Pin): string {
  return `${alive ? 'pinned' : 'was'} ${name}`
}

function moved(upstream: Upstream, from: string, reason: MoveReason, set: readonly string[]): Choice {
  const fields = [...set, MOVED_FIELD, `${from}; reason=${reason}`]
  return { upstream, why: 'moved', because: `${from} ${reason}`, fields }
}

/**
 * While its upstream is suspected, a client waits: the upstream answers again or is ejected soon. What is sent there meanwhile may hang, and
 * a client that moves loses what the upstream kept for it.
 */
function isHeldBack(pinned: Upstream, upstreams: readonly Upstream[], tried: readonly Upstream[]): boolean {
  return pinned.suspected && upstreams.some((other) => other.isEligible && !tried.includes(other))
}

function whyNot(pinned: Upstream | undefined, alive: boolean, tried: readonly Upstream[]): MoveReason | undefined {
  if (pinned === undefined) return 'gone'
  if (pinned.standing !== 'up') return pinned.standing
  if (tried.includes(pinned)) return 'failed'
  return alive ? undefined : 'restarted'
}
