/**
 * What the checkers know: each user's present visit and the one before, what was put there and what was seen of it. Bounded
 * by the number of users, not by the length of the run.
 */
import { LOGGED_OUT, type OperationEnded, type OperationSent } from '../trace/events.ts'
import { isForgotten, lookAt, NO_LOOK } from './cart.ts'
import { copyOf } from './copies.ts'
import { judgeCount } from './counting.ts'
import { cameEarly, mayHaveExpired } from './expiry.ts'
import { Owners } from './owners.ts'
import { remainsOf, reopen } from './settled.ts'
import {
  type CountProblem,
  type Done,
  type Moment,
  momentOf,
  newPut,
  newVisit,
  type Observation,
  type Put,
  type Timeouts,
  type Visit,
  type Write,
} from './visit.ts'

interface UnderWay {
  readonly sent: OperationSent
  readonly visit: Visit | undefined
  readonly write: Write | undefined
}

/** Far above what a generator has under way; what is beyond is forgotten, as if its end had not been written. */
const UNDER_WAY_MAX = 100_000
const COPIES_MAX = 32

export class Ledger {
  timeouts: Timeouts = { idleMs: Number.POSITIVE_INFINITY, absoluteMs: Number.POSITIVE_INFINITY }
  readonly #underWay = new Map<number, UnderWay>()
  /** The present one of each user, behind which stands the one before. */
  readonly #visits = new Map<string, Visit>()
  #owners = new Owners(() => this.#all())
  readonly #onOver: (visit: Visit) => void

  /** `onOver` gets each visit of which nothing can follow any more. */
  constructor(onOver: (visit: Visit) => void) {
    this.#onOver = onOver
  }

  sent(sent: OperationSent): void {
    const visit = begins.has(sent.kind) ? this.#visitOf(sent) : this.#find(sent)
    const write = visit === undefined ? undefined : this.#begin(visit, sent)
    if (visit !== undefined) visit.underWay++
    this.#underWay.set(sent.op, { sent, visit, write })
    if (this.#underWay.size > UNDER_WAY_MAX) this.#forgetOldest()
  }

  awaits(op: number): boolean {
    return this.#underWay.has(op)
  }

  /** Undefined for an operation that nothing is known of, or whose visit was long ago. */
  ended(ended: OperationEnded): Observation | undefined {
    const underWay = this.#underWay.get(ended.op)
    this.#underWay.delete(ended.op)
    if (underWay === undefined) return undefined
    const { sent, write } = underWay
    if (underWay.visit !== undefined) underWay.visit.underWay--
    const done: Done = { sent, ended }
    // A made-up cookie belongs to no visit, and that of one long ago to none that is known: what they open is judged all the same.
    const visit = underWay.visit ?? (withoutItsCookie.has(sent.kind) ? newVisit(sent.user, sent.visit) : undefined)
    if (visit === undefined) return undefined
    if (write !== undefined) endWrite(write, ended, visit)
    return this.#observe(visit, done, write)
  }

  /** Takes in what the checkers have looked at. */
  settle({ done, moment, visit, isOwn, isRefused, timeouts, count }: Observation): void {
    const { kind, sentAtMs } = done.sent
    if (isRefused && cameEarly(visit, done, timeouts)) visit.endedEarly = true
    if (isOwn || isRefused) visit.lookedAtMs = Math.max(visit.lookedAtMs, sentAtMs)
    if (isOwn || isLogin(done)) visit.lastUse = moment
    const { endedAtMs, outcome } = done.ended
    // Of one whose outcome is unknown, nobody knows when it ends.
    const touchedAtMs = outcome === 'unknown' ? Number.POSITIVE_INFINITY : endedAtMs
    if (!withoutItsCookie.has(kind)) visit.touchedAtMs = Math.max(visit.touchedAtMs, touchedAtMs)
    if (!withoutItsCookie.has(kind) && kind !== 'count') visit.askedAtMs = Math.max(visit.askedAtMs, endedAtMs)
    if (isLogin(done)) visit.login = moment
    if (kind === 'login') visit.enteringSinceMs = undefined
    if (kind === 'logout' && done.ended.outcome === 'ok') visit.logout = moment
    if (kind === 'copy' && visit.copies.length < COPIES_MAX) visit.copies.push(...copyOf(done, moment))
    if (count !== undefined) visit.suspect = undefined
    if (isLogin(done) || (isOwn && isAfter(moment, visit.refusal))) visit.refusal = undefined
    if (isRefused) {
      visit.suspect = undefined
      if (!visit.endedEarly) visit.refusal ??= moment
    }
    if (visit.underWay === 0 && !visit.isLast) this.#finish(visit)
  }

  /** Nothing follows: of the run, or of the users that were. */
  close(): void {
    for (const visit of this.#all()) this.#finish(visit)
    this.#visits.clear()
    this.#underWay.clear()
    this.#owners = new Owners(() => this.#all())
  }

  #observe(visit: Visit, done: Done, write: Write | undefined): Observation {
    const { sent, ended } = done
    const moment = momentOf(done)
    const isLook = (sent.kind === 'read' || sent.kind === 'put') && ended.outcome === 'ok'
    const isOwn = isLook && (ended.as === undefined || ended.as === sent.user)
    const isInside = ended.endedAtMs <= visit.leavingAtMs
    const look = isOwn && isInside && ended.items !== undefined ? lookAt(visit, done, moment, this.#owners) : NO_LOOK
    const undead = isSeenAndFailed(write) ? [...look.undead, write] : look.undead
    return {
      done,
      moment,
      visit,
      timeouts: this.timeouts,
      isOwn,
      isRefused: isInside && isRefusal(visit, done) && !mayHaveExpired(visit, done, this.timeouts),
      // Named one by one: this is made for every operation, and a spread takes several times as long.
      strangers: look.strangers,
      doubled: look.doubled,
      returned: look.returned,
      undead,
      count: problemOf(visit, done, isOwn, write),
      // Until the others that are under way have ended, any of them may be what keeps the session open.
      before: {
        lastUse: visit.lastUse,
        touchedAtMs: visit.underWay > 0 ? Number.POSITIVE_INFINITY : visit.touchedAtMs,
      },
    }
  }

  #begin(visit: Visit, sent: OperationSent): Write | undefined {
    const { op, kind, tab, sentAtMs, sku } = sent
    if (kind === 'login') {
      visit.enteringSinceMs = sentAtMs
      visit.sessionBefore ??= sent.session
    }
    if (kind === 'logout') visit.leavingAtMs = Math.min(visit.leavingAtMs, sentAtMs)
    if (kind === 'count') {
      const [endedAtMs, outcome, count] = [Number.POSITIVE_INFINITY, undefined, undefined]
      const write: Write = { op, kind, tab, sentAtMs, endedAtMs, outcome, count }
      visit.counts.push(write)
      return write
    }
    if (kind !== 'put' || sku === undefined) return undefined
    const put = newPut(visit, { op, tab, sentAtMs, sku })
    visit.open.push(put)
    this.#owners.add(sku, put)
    return put
  }

  #visitOf(sent: OperationSent): Visit {
    const known = this.#find(sent)
    if (known !== undefined) return known
    const { user, visit: number } = sent
    const present = this.#visits.get(user)
    this.#drop(present?.before)
    if (present !== undefined) {
      present.before = undefined
      present.isLast = false
      if (present.underWay === 0) this.#finish(present)
    }
    const visit = newVisit(user, number, present)
    visit.isLast = true
    this.#visits.set(user, visit)
    return visit
  }

  #find({ user, visit: number }: OperationSent): Visit | undefined {
    const present = this.#visits.get(user)
    if (present?.number === number) return present
    return present?.before?.number === number ? present.before : undefined
  }

  *#all(): Generator<Visit> {
    for (const visit of this.#visits.values()) {
      if (visit.before !== undefined) yield visit.before
      yield visit
    }
  }

  /** Another has begun and nothing of this one is under way, so there is nothing to come but strangers. */
  #finish(visit: Visit): void {
    if (visit.remains !== undefined) return
    reopen(visit)
    this.#onOver(visit)
    visit.remains = remainsOf(visit)
    visit.open = []
    visit.counts.length = 0
    this.#owners.finish(visit)
  }

  #drop(visit: Visit | undefined): void {
    if (visit === undefined) return
    this.#finish(visit)
    this.#owners.forget(visit)
  }

  #forgetOldest(): void {
    const { value } = this.#underWay.entries().next()
    if (value === undefined) return
    const [op, { visit }] = value
    this.#underWay.delete(op)
    if (visit !== undefined) visit.underWay--
  }
}

/** What a visit may begin with. The others come with what is left of one. */
const begins: ReadonlySet<OperationSent['kind']> = new Set(['login', 'put', 'read', 'count', 'logout'])
const withoutItsCookie: ReadonlySet<OperationSent['kind']> = new Set(['return', 'forge'])

/**
 * To be turned away proves that nothing was done, unless the logout was under way: between a proxy's first try and its
 * second the session may have ended, and the first may have done it.
 */
function endWrite(write: Write, { endedAtMs, outcome, why, count }: OperationEnded, { leavingAtMs }: Visit): void {
  const isUnproven = why === LOGGED_OUT && endedAtMs > leavingAtMs
  write.outcome = isUnproven ? 'unknown' : outcome
  // Of one whose outcome is unknown, nobody knows when it ended either.
  if (write.outcome !== 'unknown') write.endedAtMs = endedAtMs
  if (count !== undefined) write.count = count
}

function isLogin({ sent, ended }: Done): boolean {
  return sent.kind === 'login' && ended.outcome === 'ok'
}

function isAfter(moment: Moment, other: Moment | undefined): boolean {
  return other !== undefined && moment.sentAtMs > other.endedAtMs
}

/** Turned away after a login, with no other login under way that might have taken its place. */
function isRefusal({ login, enteringSinceMs }: Visit, { sent, ended }: Done): boolean {
  const asks = sent.kind === 'read' || sent.kind === 'put'
  const isOut = ended.outcome === 'failed' && ended.why === LOGGED_OUT
  return asks && isOut && login !== undefined && login.endedAtMs < sent.sentAtMs && enteringSinceMs === undefined
}

function isSeenAndFailed(write: Write | undefined): write is Put {
  return write?.kind === 'put' && write.outcome === 'failed' && (write as Put).seenBy !== undefined
}

/** A wrong count stands as a suspicion until a later answer shows that the session is still there. */
function problemOf(visit: Visit, done: Done, isOwn: boolean, write: Write | undefined): CountProblem | undefined {
  const { suspect } = visit
  if (suspect !== undefined && isOwn && done.sent.sentAtMs > suspect.done.ended.endedAtMs) {
    return suspect.other !== undefined && isForgotten(visit, suspect.other) ? undefined : suspect
  }
  const problem = write?.kind === 'count' ? judgeCount(visit, done, write) : undefined
  if (problem?.problem === 'ahead' || problem?.problem === 'undone') return problem
  visit.suspect ??= problem
  return undefined
}
