/** The data of a user's visit: from a login to a logout, as far as the user can observe. */
import type { OperationEnded, OperationSent } from '../trace/events.ts'

export type Item = readonly [sku: string, quantity: number]
export type Items = readonly Item[]

/** An operation that ended, as the trace has it. Its times are `sentAtMs` and `endedAtMs`; `atMs` is when the lab wrote the event. */
export interface Done {
  readonly sent: OperationSent
  readonly ended: OperationEnded
}

/** An operation that ended, without its answer, to save memory. */
export interface Moment {
  readonly op: number
  readonly sentAtMs: number
  readonly endedAtMs: number
  /** The node that answered. */
  readonly node: string | undefined
}

/** One node's copy of the session, asked directly. */
export interface Copy extends Moment {
  readonly askedNode: string
  readonly content: string
}

/** A write, which may be concurrent with another one. */
export interface Write {
  readonly op: number
  readonly kind: 'put' | 'count' | 'move'
  readonly tab: number
  readonly sentAtMs: number
  /** Infinity while unknown. */
  endedAtMs: number
  outcome: OperationEnded['outcome'] | undefined
  /** The number that a count returned. Forgotten where that session may have expired before the login. */
  count: number | undefined
}

/** Which operation of which visit put an item: all that is kept after the visit. */
export interface Owner {
  readonly op: number
  readonly visit: Visit
}

/** An item that was put into the cart; a sku is put only once. */
export interface Put extends Write, Owner {
  readonly sku: string
  /** The first look that showed it. */
  seenBy: Pick<Moment, 'op' | 'endedAtMs'> | undefined
  /** The operation number of the last look that showed it. */
  shownIn: number
  /** Whether a look followed its acknowledgement. */
  looked: boolean
  /** Set while it should be in the cart and is not. */
  gap: Gap | undefined
}

/** A period in which an expected item was missing. */
export interface Gap {
  readonly put: Put
  /** The first look that missed it. */
  readonly missedBy: Moment
  /** Whether an earlier look had shown it. */
  readonly wasSeen: boolean
  /** Whether that look shows an item that was put in after this one had been acknowledged. */
  readonly hasLater: boolean
  /** The look that showed it again. */
  shownAgainBy?: Moment
}

/** The first things in the cart, in its order, that were acknowledged, looked for and seen, with no gap. */
export interface Settled {
  count: number
  /** Their skus, each followed by a newline. */
  text: string
  /** Their other fields, see settled.ts. */
  readonly numbers: number[]
}

/** What is kept of a visit that is over: its skus, and the operations that put them. */
export interface Remains {
  /** A JSON array as one string, which takes much less memory than the strings. */
  readonly skus: string
  readonly ops: readonly number[]
}

/** An answer of the floor. */
export interface Shown {
  readonly op: number
  readonly sentAtMs: number
  readonly endedAtMs: number
  readonly moves: number
  readonly at: readonly [x: number, y: number] | undefined
}

/** An answer with fewer moves than there should be. A later one decides whether they are lost. */
export interface Shortfall {
  readonly answer: Shown
  /** How many acknowledged moves are missing; 0 if moves are missing that were only shown. */
  readonly lost: number
  /** What proves that there were more. */
  readonly proof: Pick<Shown, 'op' | 'endedAtMs'>
}

/**
 * `doubled`: more moves than were sent. `lost`: acknowledged moves are missing for good. `behind`: fewer moves than had been shown or
 * acknowledged, and more again later. `elsewhere`: the marker is where none of the user's moves can have brought it.
 */
export type FloorProblem =
  | { readonly problem: 'doubled'; readonly answer: Shown; readonly times: number; readonly sent: readonly Write[] }
  | ({ readonly problem: 'lost'; readonly confirmedBy: Shown | undefined } & Shortfall)
  | ({ readonly problem: 'behind'; readonly again: Shown | undefined } & Shortfall)
  | { readonly problem: 'elsewhere'; readonly answer: Shown; readonly before: Shown }

/** What is known of a visit's moves. */
export interface Floor {
  readonly moves: Write[]
  /** The last answers. */
  readonly shown: Shown[]
  shortfall: Shortfall | undefined
  /** Moves that were reported as lost, and as doubled. */
  lost: number
  doubled: number
}

export interface Visit {
  /** The user's visit before this one. */
  before: Visit | undefined
  readonly user: string
  readonly number: number
  /** The last login that succeeded. */
  login: Moment | undefined
  /** When a login in flight was sent. */
  enteringSinceMs: number | undefined
  /** The cookie from before the login, hashed. */
  sessionBefore: string | undefined
  /** When the first logout was sent: from then on the session may be over. */
  leavingAtMs: number
  logout: Moment | undefined
  /** The number of its operations in flight. */
  underWay: number
  /** Whether the user has not begun another visit. */
  isLast: boolean
  /** Set when the visit has been judged; the rest has been cleared. */
  remains: Remains | undefined
  /** Puts that are not settled. */
  open: Put[]
  settled: Settled
  readonly counts: Write[]
  /** Undefined before the first operation on the floor. */
  floor: Floor | undefined
  readonly copies: Copy[]
  /** Whether an early expiry was found; later refusals follow from it. */
  endedEarly: boolean
  /** A 401 although the session should be there. */
  refusal: Moment | undefined
  /** A wrong count, which counts only if the session was not lost. */
  suspect: CountProblem | undefined
  // Four instants, each for another checker.
  /** The last answer to a logged-in user, which surely extended the session. */
  lastUse: Moment | undefined
  /** The end of the last operation with its cookie, which may have extended the session; Infinity in doubt. */
  touchedAtMs: number
  /** The same without counts, as a count with a lost session begins a new one. */
  askedAtMs: number
  /** When the last operation was sent whose answer showed whether the session is there. */
  lookedAtMs: number
  /** Findings that were reported already, so that each is reported once. */
  reported: Set<string> | undefined
}

/**
 * `ahead`: more than all counts sent. `undone`: more than all counts that did not fail. `taken`: the same number as another count.
 * `behind`: less than an earlier count.
 */
export interface CountProblem {
  readonly problem: 'ahead' | 'undone' | 'taken' | 'behind'
  readonly done: Done
  readonly other?: Write
}

/** An item in the cart that this visit did not put there. */
export interface Stranger {
  readonly sku: string
  readonly owner: Owner | undefined
}

/** An operation that ended, and what its answer shows. */
export interface Observation {
  readonly done: Done
  /** Its times and node, for a checker to compare or to keep. */
  readonly moment: Moment
  readonly visit: Visit
  readonly timeouts: Timeouts
  /** Whether the answer was for the visit's own user. */
  readonly isOwn: boolean
  /** Whether it got a 401 although the session should be there. */
  readonly isRefused: boolean
  readonly strangers: readonly Stranger[]
  /** Items that are in the cart more often than they were put there. */
  readonly doubled: readonly Put[]
  /** Items in the cart whose put failed. */
  readonly undead: readonly Put[]
  readonly returned: readonly Gap[]
  readonly count: CountProblem | undefined
  readonly floor: readonly FloorProblem[]
  /** Since when no fault stands that may keep a node from hearing what the others tell; Infinity while one does. */
  readonly calmSinceMs: number
  /** The visit's state before this operation. */
  readonly before: { readonly lastUse: Moment | undefined; readonly touchedAtMs: number }
}

export interface Timeouts {
  readonly idleMs: number
  readonly absoluteMs: number
  /** The idle timeout of a session without a login. */
  readonly visitorIdleMs: number
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
    floor: undefined,
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

/** One literal with all fields, as there are hundreds of thousands of these objects. */
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

/** Whether two periods overlap. */
export function overlaps(
  a: { readonly sentAtMs: number; readonly endedAtMs: number },
  b: { readonly sentAtMs: number; readonly endedAtMs: number },
): boolean {
  return a.sentAtMs < b.endedAtMs && b.sentAtMs < a.endedAtMs
}

/** True if it had not been reported for this visit before. */
export function markReported(visit: Visit, what: string): boolean {
  visit.reported ??= new Set()
  if (visit.reported.has(what)) return false
  visit.reported.add(what)
  return true
}
