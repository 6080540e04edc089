/**
 * Guessing passwords is slowed down, for each account and for each address, by counts that all nodes share: small records
 * in a session store, changed by compare-and-set, that expire by themselves.
 *
 * - An attempt is counted *before* the password is looked at, and taken back when it was right. Counting afterwards lets a
 *   burst of parallel guesses through, all of which were let in before the first one was counted.
 * - An account's waits are short and end in a lock after 100 failures in a row, the most that NIST SP 800-63B-4 allows.
 *   Alone that would let any stranger lock a user out. So a place where the account has logged in before (a device, or else
 *   the network) has a count of its own, which strangers' guesses do not touch.
 * - An address' count slows down a guesser who tries many accounts. A right password takes back its own attempt and no other:
 *   otherwise a guesser could reset the count with an account of their own.
 * - Unknown accounts are counted like others, so that a wait does not tell which exist.
 *
 * A refused attempt is not counted and writes nothing.
 */
import { clientError } from '../client-error.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { SessionStore } from '../contract.ts'
import { SessionError, StoreUnavailableError } from '../errors.ts'
import { networkOf, type NetworkSize, networkSizeRules } from '../network.ts'
import { assertGiven, checkedOptions, type Rules, take } from '../options.ts'
import { SharedTally } from './shared-tally.ts'
import { sessionStoreRule } from '../store-option.ts'
import type { Lane } from './throttle-lane.ts'

export type LaneName = 'account' | 'address' | 'known'

export interface LoginThrottleOptions {
  /** Opened by the caller, and shared by all nodes; may be the one that holds the sessions. */
  readonly store: SessionStore
  readonly clock?: Clock
  /** Of strangers to an account, all together. Default: 5 free, then 1 s doubling to 1 min, after 100 an hour. */
  readonly account?: Partial<Lane>
  /** Of an address, over all accounts. Default: 20 free, then 1 s doubling to 15 min. */
  readonly address?: Partial<Lane>
  /** Of an account at a place where it has logged in before. Default: 5 free, then 1 s doubling; after 10 a stranger. */
  readonly known?: Partial<Lane>
  /** Addresses of one network count as one address. Default: IPv4 by itself, IPv6 by its /56. */
  readonly network?: Partial<NetworkSize>
  /**
   * `refuse`, the default, rejects with the store's error: where there is no session to be had a login is worth
   * nothing, and an outage must not be the moment for guessing. `allow` lets attempts in without counting them.
   */
  readonly whenStoreIsDown?: 'refuse' | 'allow'
  readonly onEvent?: (event: LoginThrottleEvent) => void
}

export interface LoginThrottleEvent {
  /** `throttled`: an attempt was refused. `uncounted`: the store did not take what an attempt meant for a count. */
  readonly event: 'throttled' | 'uncounted'
  readonly lane?: LaneName
}

export interface LoginThrottle {
  /**
   * Before the password is looked at. Counts the attempt as failed, or rejects with LoginThrottledError when it comes too
   * early. `device` is what names the client's device to the application, if anything does, such as a cookie of its own
   * that outlives sessions; it must be unguessable.
   */
  check(account: string, address: string, device?: string): Promise<LoginAttempt>
  /** Strangers may try this account again at once: call it when its password has been reset. */
  forgive(account: string): Promise<void>
}

/** One that was let in. A wrong password needs no call: the attempt is counted already. */
export interface LoginAttempt {
  /** The password was right: the account's count begins anew, and this place is known to it from now on. */
  succeeded(): Promise<void>
  /** The password was not looked at, because something else went wrong: the attempt does not count. */
  withdraw(): Promise<void>
}

/** Too many failed logins. Nothing was looked at; the answer says when to come back. */
export class LoginThrottledError extends SessionError {
  constructor(waitMs: number) {
    super('LOGIN_THROTTLED', 429, 'Too many failed logins. Try again later.', {
      retryAfterS: Math.max(1, Math.ceil(waitMs / 1000)),
    })
  }
}

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const ACCOUNT_LANE: Lane = {
  freeFailures: 5,
  delayMs: SECOND_MS,
  delayMaxMs: MINUTE_MS,
  failuresMax: 100,
  lockMs: HOUR_MS,
  forgetMs: DAY_MS,
}
const ADDRESS_LANE: Lane = {
  freeFailures: 20,
  delayMs: SECOND_MS,
  delayMaxMs: 15 * MINUTE_MS,
  failuresMax: 100,
  lockMs: 15 * MINUTE_MS,
  forgetMs: HOUR_MS,
}
const KNOWN_LANE: Lane = {
  freeFailures: 5,
  delayMs: SECOND_MS,
  delayMaxMs: MINUTE_MS,
  failuresMax: 10,
  lockMs: 0,
  forgetMs: 30 * DAY_MS,
}

type Lanes = Readonly<Record<LaneName, Lane>>
type Tallies = Readonly<Record<LaneName, SharedTally>>
type Emit = (event: LoginThrottleEvent) => void

const laneRules: Rules<Lane> = {
  freeFailures: take.wholeNumber(0),
  delayMs: take.durationMs(0),
  delayMaxMs: take.durationMs(0),
  failuresMax: take.wholeNumber(1),
  lockMs: take.durationMs(0),
  forgetMs: take.durationMs(1),
}

const rules: Rules<LoginThrottleOptions> = {
  store: sessionStoreRule,
  clock: take.having('an object with now()', 'now'),
  account: take.options(laneRules),
  address: take.options(laneRules),
  known: take.options(laneRules),
  network: take.options(networkSizeRules),
  whenStoreIsDown: take.oneOf('refuse', 'allow'),
  onEvent: take.function,
}

export function loginThrottle(given: LoginThrottleOptions): LoginThrottle {
  const options = checkedOptions('loginThrottle()', given, rules)
  assertGiven('loginThrottle()', options, 'store')
  const { store, clock = systemClock, whenStoreIsDown = 'refuse', onEvent = () => {} } = options
  const network = { ipv4Bits: 32, ipv6Bits: 56, ...options.network }
  const lanes: Lanes = {
    account: { ...ACCOUNT_LANE, ...options.account },
    address: { ...ADDRESS_LANE, ...options.address },
    known: { ...KNOWN_LANE, ...options.known },
  }
  const open = (lane: LaneName, name: string) => SharedTally.open(store, clock, lanes[lane], `${lane}:${name}`)

  return {
    async check(account, address, device) {
      const from = networkOf(address, network)
      const place = device === undefined ? `network ${from}` : `device ${device}`
      try {
        const [byAccount, byAddress, known] = await Promise.all([
          open('account', account),
          open('address', from),
          open('known', JSON.stringify([account, place])),
        ])
        return await letIn({ account: byAccount, address: byAddress, known }, onEvent)
      } catch (error) {
        if (whenStoreIsDown === 'refuse' || !(error instanceof StoreUnavailableError)) throw clientError(error)
        onEvent({ event: 'uncounted' })
        return UNCOUNTED_ATTEMPT
      }
    },

    async forgive(account) {
      try {
        const tally = await open('account', account)
        if (tally.isStored) await tally.reset()
      } catch (error) {
        throw clientError(error)
      }
    },
  }
}

const UNCOUNTED_ATTEMPT: LoginAttempt = { async succeeded() {}, async withdraw() {} }

/** All are asked before any is counted, so that an attempt refused by one leaves the others as they are. */
async function letIn(tallies: Tallies, onEvent: Emit): Promise<LoginAttempt> {
  const { account, address, known } = tallies
  const isKnown = known.isStored && known.failures < known.lane.failuresMax
  const names: readonly LaneName[] = isKnown ? ['known'] : ['account', 'address']
  for (const name of names) refuseFor(name, tallies[name].waitMs, onEvent)
  await countAll(names, tallies, onEvent)
  return {
    succeeded: () => settled([account.reset(), known.reset(), ...(isKnown ? [] : [address.takeBack()])], onEvent),
    withdraw: () =>
      settled(
        names.map((name) => tallies[name].takeBack()),
        onEvent,
      ),
  }
}

/** Attempts at one instant were all let through above, and only counting tells which of them come too early. */
async function countAll(names: readonly LaneName[], tallies: Tallies, onEvent: Emit): Promise<void> {
  const counted: SharedTally[] = []
  try {
    for (const name of names) {
      refuseFor(name, await tallies[name].count(), onEvent)
      counted.push(tallies[name])
    }
  } catch (error) {
    // The password is not looked at, so the attempt must not count anywhere.
    await settled(
      counted.map((tally) => tally.takeBack()),
      onEvent,
    )
    throw error
  }
}

function refuseFor(lane: LaneName, waitMs: number, onEvent: Emit): void {
  if (waitMs === 0) return
  onEvent({ event: 'throttled', lane })
  throw new LoginThrottledError(waitMs)
}

/** After the password was looked at: that a count could not be put right is no reason to fail a login. */
async function settled(changes: readonly Promise<boolean>[], onEvent: Emit): Promise<void> {
  for (const result of await Promise.allSettled(changes)) {
    if (result.status === 'rejected' && !(result.reason instanceof SessionError)) throw result.reason
    if (result.status === 'rejected' || !result.value) onEvent({ event: 'uncounted' })
  }
}
