/**
 * Visitors' sessions, which have no user. A client can begin any number of them without a password, so they have bounds: one is stored
 * only when it holds something, it ends sooner, a full store evicts it first, and one address may begin only so many. Users are never
 * counted or refused here.
 *
 * Each process counts by itself. A count that all nodes share would cost a write for each new visitor, and such writes are what the
 * bounds prevent.
 */
import type { SessionData } from '../record/data.ts'
import { TooManyVisitorsError } from '../errors.ts'
import { networkOf, type NetworkSize, networkSizeRules } from '../network.ts'
import { checkedOptions, type Rule, type Rules, take } from '../options.ts'

export interface VisitorOptions {
  /** A visitor's session unused for this long has ended. Default: half of the engine's `idleTimeoutMs`. */
  readonly idleTimeoutMs?: number
  /** How many sessions the visitors of one address may begin at once. Default 100. */
  readonly burstPerAddress?: number
  /** How many a second after that. Default 10. */
  readonly perSecondPerAddress?: number
  /** Addresses of one network count as one address. Default: IPv4 by itself, IPv6 by its /56. */
  readonly network?: Partial<NetworkSize>
  /**
   * Whether a session that is not stored yet is worth storing. Default: it has a field other than null, '', [] and {}.
   */
  readonly isWorthKeeping?: (data: SessionData) => boolean
}

/** `as-users`: for an application that does not name users by `userOf`. All sessions are treated alike. */
export type VisitorPolicy = VisitorOptions | 'as-users'

export interface Visitors {
  readonly areAsUsers: boolean
  isWorthKeeping(data: SessionData): boolean
  /** Counts a session that begins. Throws TooManyVisitorsError when its address has begun too many; undefined is no address. */
  begin(address: string | undefined, nowMs: number): void
}

/** With more addresses, the one that was seen longest ago is forgotten. */
const ADDRESSES_MAX = 10_000

const rules: Rules<VisitorOptions> = {
  idleTimeoutMs: take.durationMs(1),
  burstPerAddress: take.wholeNumber(1),
  perSecondPerAddress: take.wholeNumber(1),
  network: take.options(networkSizeRules),
  isWorthKeeping: take.function,
}

export const visitorPolicyRule: Rule = {
  takes: "an object of options, or 'as-users'",
  accepts: (value) => value === 'as-users' || take.options(rules).accepts(value),
  checked: (value, name) => (value === 'as-users' ? value : checkedOptions(name, value as VisitorOptions, rules)),
}

const AS_USERS: Visitors = { areAsUsers: true, isWorthKeeping: () => true, begin: () => {} }

/** `refused` is called when the refusals of an address begin, and not for each session. */
export function visitors(policy: VisitorPolicy, refused: () => void): Visitors {
  if (policy === 'as-users') return AS_USERS
  const { burstPerAddress = 100, perSecondPerAddress = 10, isWorthKeeping = holdsSomething } = policy
  const network = { ipv4Bits: 32, ipv6Bits: 56, ...policy.network }
  /** The one that was seen longest ago first. */
  const allowances = new Map<string, Allowance>()

  return {
    areAsUsers: false,
    isWorthKeeping,

    begin(address, nowMs) {
      if (address === undefined) return
      const from = networkOf(address, network)
      const allowance = allowances.get(from) ?? { left: burstPerAddress, atMs: nowMs, isRefused: false }
      // A clock may be set back.
      const passedS = Math.max(0, nowMs - allowance.atMs) / 1_000
      const left = Math.min(burstPerAddress, allowance.left + passedS * perSecondPerAddress)
      const isRefused = left < 1
      if (isRefused && !allowance.isRefused) refused()
      allowances.delete(from)
      const isStillRefused = isRefused || (allowance.isRefused && left < burstPerAddress / 2)
      allowances.set(from, { left: isRefused ? left : left - 1, atMs: nowMs, isRefused: isStillRefused })
      if (allowances.size > ADDRESSES_MAX) forgetOldest(allowances)
      if (isRefused) throw new TooManyVisitorsError((1 - left) / perSecondPerAddress)
    },
  }
}

export function visitorIdleMs(policy: VisitorPolicy, idleTimeoutMs: number): number {
  return policy === 'as-users' ? idleTimeoutMs : (policy.idleTimeoutMs ?? idleTimeoutMs / 2)
}

/** How many sessions an address could begin, at which instant. */
interface Allowance {
  readonly left: number
  readonly atMs: number
  /** `refused` was called for it, and it has not recovered half of its burst since. */
  readonly isRefused: boolean
}

function forgetOldest(allowances: Map<string, Allowance>): void {
  const [oldest] = allowances.keys()
  if (oldest !== undefined) allowances.delete(oldest)
}

function holdsSomething(data: SessionData): boolean {
  return Object.values(data).some((value) => !isEmpty(value))
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object') return value === undefined || value === ''
  return value === null || (!(value instanceof Date) && Object.keys(value).length === 0)
}
