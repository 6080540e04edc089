/** What is remembered of a user's visit: from its login to its logout, one session, as far as its user can know. */
import type { OperationEnded, OperationSent } from '../trace/events.ts'

export type Item = readonly [sku: string, quantity: number]
export type Items = readonly Item[]

/** An operation that ended. */
export interface Done {
  readonly sent: OperationSent
  readonly ended: OperationEnded
}

/** What is kept of an operation that ended: not its answer, of which there are too many. */
export interface Moment {
  readonly op: number
  readonly sentAtMs: number
  readonly endedAtMs: number
  /** Who answered. */
  readonly node: string | undefined
}

/** What one node had of the session, asked directly. */
export interface Copy extends Moment {
  readonly askedNode: string
  readonly content: string
}

/** A write that may have met another one. */
export interface Write {
  readonly op: number
  readonly kind: 'put' | 'count'
  readonly tab: number
  readonly sentAtMs: number
  /** Infinity while nobody knows. */
  endedAtMs: number
  outcome: OperationEnded['outcome'] | undefined
  /** What a count came to. */
  count: number | undefined
}

/** Who put a thing, and when: all that is kept of it once its visit is over. */
export interface Owner {
  readonly op: number
  readonly visit: Visit
}

/** A thing that was put into the cart, once. */
export interface Put extends Write, Owner {
  readonly sku: string
  /** The first look that showed it. */
  seenBy: Pick<Moment, 'op' | 'endedAtMs'> | undefined
  /** The last look that showed it, by its number. */
  shownIn: number
  /** Somebody looked after it had been acknowledged. */
  looked: boolean
  /** It ought to be there, and is not. */
  gap: Gap | undefined
}

/** A stretch in which something that ought to be in the cart was not. */
export interface Gap {
  readonly put: Put
  /** The first look that missed it. */
  readonly missedBy: Moment
  /** An earlier look had shown it. */
  readonly wasSeen: boolean
  /** That same look shows something that was put in after this had been acknowledged. */
  readonly hasLater: boolean
  /** The look that shows it again. */
  shownAgainBy?: Moment
}

/** The first things in the cart, in its order, that were acknowledged, looked for and seen, with no gap. */
export interface Settled {
  count: number
  /** What they are called, each with a line's end behind it. */
  text: string
  /** What else is known of them, as many for each. */
  readonly numbers: number[]
}

/** Of a visit that is over: what was put, and the operations that did it. */
export interface Remains {
  /** As one text, which is much smaller than a hundred thousand of them: a list in JSON. */
  readonly skus: string
  readonly ops: readonly number[]
}

export interface Visit {
  /** The user's visit before this one. */
  before: Visit | undefined
  readonly user: string
  readonly number: number
  /** The last login that succeeded. */
  login: Moment | undefined
  /** Of a login under way. */
  enteringSinceMs: number | undefined
  /** The cookie from before the login, hashed. */
  sessionBefore: string | undefined
  /** From here on it may be over. */
  leavingAtMs: number
  logout: Moment | undefined
  /** How many of its operations have not ended. */
  underWay: number
  /** The user has not begun another. */
  isLast: boolean
  /** It has been judged, and there is nothing left in it but this and when it was. */
  remains: Remains | undefined
  /** What was put and is not settled. */
  open: Put[]
  settled: Settled
  readonly counts: Write[]
  readonly copies: Copy[]
  /** It was gone after it had been left alone, and what follows from that is no news. */
  endedEarly: boolean
  /** The shop did not know the session, and ought to. */
  refusal: Moment | undefined
  /** A count that came out wrong, unless it turns out that the session was gone. */
  suspect: CountProblem | undefined
  // Four instants, each for a question of its own.
  /** Since when it may have expired: the last answer as its user, which surely kept it open. */
  lastUse: Moment | undefined
  /** Until when it may have been kept open: the end of the last operation with its cookie, Infinity where that is in doubt. */
  touchedAtMs: number
  /** Since when it was left alone: the same without counts, as to one whose session is gone the shop gives another and counts in that. */
  askedAtMs: number
  /** Until when its user looked whether it is there: when the last operation was sent that was answered with yes or no. */
  lookedAtMs: number
  /** What was reported of it already, so that each is reported once. */
  reported: Set<string> | undefined
}

/** `ahead`: more than was ever counted. `undone`: more than was counted, but for what failed. `taken`: the number of another count. `behind`: not more than one before. */
export interface CountProblem {
  readonly problem: 'ahead' | 'undone' | 'taken' | 'behind'
  readonly done: Done
  readonly other?: Write
}

/** Something in the cart that was not put there in this visit. */
export interface Stranger {
  readonly sku: string
  readonly owner: Owner | undefined
}

/** One operation that ended, and what it shows. */
export interface Observation {
  readonly done: Done
  readonly moment: Moment
  readonly visit: Visit
  readonly timeouts: Timeouts
  /** It was answered as to the visit's own user. */
  readonly isOwn: boolean
  /** It was turned away although the session ought to be there. */
  readonly isRefused: boolean
  readonly strangers: readonly Stranger[]
  /** What is in the cart more often than it was put there. */
  readonly doubled: readonly Put[]
  /** What is in the cart and provably was never put there. */
  readonly undead: readonly Put[]
  readonly returned: readonly Gap[]
  readonly count: CountProblem | undefined
  /** The state before it. */
  readonly before: { readonly lastUse: Moment | undefined; readonly touchedAtMs: number }
}

export interface Timeouts {
  readonly idleMs: number
  readonly absoluteMs: number
}

export function newVisit(user: string, number: number, before?: Visit): Visit {
  return {
    before,
    user,
    number,
    login: undefined,
    enteringSinceMs: undefined,
    sessionBefore: undefined,
    leavingAtMs: Number.POSITIVE_INFINITY,
    logout: undefined,
    underWay: 0,
    isLast: false,
    remains: undefined,
    open: [],
    settled: nothingSettled(),
    counts: [],
    copies: [],
    endedEarly: false,
    refusal: undefined,
    suspect: undefined,
    lastUse: undefined,
    touchedAtMs: Number.NEGATIVE_INFINITY,
    askedAtMs: Number.NEGATIVE_INFINITY,
    lookedAtMs: Number.NEGATIVE_INFINITY,
    reported: undefined,
  }
}

export function nothingSettled(): Settled {
  return { count: 0, text: '', numbers: [] }
}

/** One literal with all it will ever hold: there are hundreds of thousands of them. */
export function newPut(visit: Visit, about: Pick<Put, 'op' | 'tab' | 'sentAtMs' | 'sku'>): Put {
  return {
    op: about.op,
    kind: 'put',
    tab: about.tab,
    sentAtMs: about.sentAtMs,
    endedAtMs: Number.POSITIVE_INFINITY,
    outcome: undefined,
    count: undefined,
    sku: about.sku,
    visit,
    seenBy: undefined,
    shownIn: -1,
    looked: false,
    gap: undefined,
  }
}

export function momentOf({ sent, ended }: Done): Moment {
  return { op: sent.op, sentAtMs: sent.sentAtMs, endedAtMs: ended.endedAtMs, node: ended.node }
}

/** Whether two stretches of time have an instant in common. */
export function overlaps(
  a: { readonly sentAtMs: number; readonly endedAtMs: number },
  b: { readonly sentAtMs: number; readonly endedAtMs: number },
): boolean {
  return a.sentAtMs < b.endedAtMs && b.sentAtMs < a.endedAtMs
}

/** True the first time. */
export function markReported(visit: Visit, what: string): boolean {
  visit.reported ??= new Set()
  if (visit.reported.has(what)) return false
  visit.reported.add(what)
  return true
}
