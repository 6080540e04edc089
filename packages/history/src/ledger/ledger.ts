/**
 * The checkers' knowledge: each user's present visit and the one before, with their writes and what was seen of them. Memory is
 * bounded by the number of users, not by the length of the run.
 */
import { LOGGED_OUT, type OperationEnded, type OperationSent } from '../trace/events.ts'
import { isForgotten, lookAt, NO_LOOK } from './cart.ts'
import { copyOf } from './copies.ts'
import { judgeCount } from './counting.ts'
import { cameEarly, mayHaveExpired, visitorMayHaveExpired } from './expiry.ts'
import { judgeFloor, newFloor } from './floor.ts'
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

/** Far above a generator's operations in flight. Older ones are forgotten, as if their end had not been recorded. */
const UNDER_WAY_MAX = 100_000
const COPIES_MAX = 32
const NEVER = Number.POSITIVE_INFINITY

export class Ledger {
  timeouts: Timeouts = { idleMs: NEVER, absoluteMs: NEVER, visitorIdleMs: NEVER }
  /** As in Observation. */
  calmSinceMs = Number.NEGATIVE_INFINITY
  readonly #underWay = new Map<number, UnderWay>()
  /** Each user's present visit, whose `before` is the previous one. */
  readonly #visits = new Map<string, Visit>()
  #owners = new Owners(() => this.#all())
  readonly #onOver: (visit: Visit) => void

  /** `onOver` gets each visit when none of its operations can follow any more. */
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

  /** Undefined for an unknown operation, or one of a visit before the previous one. */
  ended(ended: OperationEnded): Observation | undefined {
    const underWay = this.#underWay.get(ended.op)
    this.#underWay.delete(ended.op)
    if (underWay === undefined) return undefined
    const { sent, write } = underWay
    if (underWay.visit !== undefined) underWay.visit.underWay--
    const done: Done = { sent, ended }
    // A made-up cookie belongs to no visit, and an old one's visit may be forgotten: their answers are judged nevertheless.
    const visit = underWay.visit ?? (withoutItsCookie.has(sent.kind) ? newVisit(sent.user, sent.visit) : undefined)
    if (visit === undefined) return undefined
    if (visitorMayHaveExpired(visit, ended.endedAtMs, this.timeouts))
      for (const each of visit.counts) each.count = undefined
    if (write !== undefined) endWrite(write, ended, visit)
    return this.#observe(visit, done, write)
  }

  /** Updates the visit after the checkers have seen the operation. */
  settle({ done, moment, visit, isOwn, isRefused, timeouts, count }: Observation): void {
    const { kind, sentAtMs } = done.sent
    if (isRefused && cameEarly(visit, done, timeouts)) visit.endedEarly = true
    if (isOwn || isRefused) visit.lookedAtMs = Math.max(visit.lookedAtMs, sentAtMs)
    if (isOwn || isLogin(done)) visit.lastUse = moment
    const { endedAtMs, outcome } = done.ended
    // An operation with unknown outcome may take effect at any later time.
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

  /** Call it when no more operations follow, as the run or this process of users has ended. */
  close(): void {
    for (const visit of this.#all()) this.#finish(visit)
    this.#visits.clear()
    this.#underWay.clear()
    this.#owners = new Owners(() => this.#all())
  }

  #observe(visit: Visit, done: Done, write: Write | undefined): Observation {
    const { sent, ended } = done
    const moment = momentOf(done)
    const isLook = asks.has(sent.kind) && ended.outcome === 'ok'
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
      // Listed one by one, as a spread takes several times as long and this runs for every operation.
      strangers: look.strangers,
      doubled: look.doubled,
      returned: look.returned,
      undead,
      count: problemOf(visit, done, isOwn, write),
      floor: isOwn && isInside && visit.remains === undefined ? judgeFloor(visit, done, write) : [],
      calmSinceMs: this.calmSinceMs,
      // Any other operation in flight may extend the session.
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
    if (kind === 'count' || kind === 'move') {
      const [endedAtMs, outcome, count] = [Number.POSITIVE_INFINITY, undefined, undefined]
      const write: Write = { op, kind, tab, sentAtMs, endedAtMs, outcome, count }
      if (kind === 'count') visit.counts.push(write)
      else (visit.floor ??= newFloor()).moves.push(write)
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

  /** The next visit has begun and no operation of this one is in flight, so this one can be judged. */
  #finish(visit: Visit): void {
    if (visit.remains !== undefined) return
    reopen(visit)
    this.#onOver(visit)
    visit.remains = remainsOf(visit)
    visit.open = []
    visit.counts.length = 0
    visit.floor = undefined
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

/** The operations that may begin a visit. The others use an earlier visit's cookies. */
const begins: ReadonlySet<OperationSent['kind']> = new Set(['login', 'put', 'read', 'count', 'logout', 'hello', 'move'])
const withoutItsCookie: ReadonlySet<OperationSent['kind']> = new Set(['return', 'forge', 'linger'])
/** Their answers show whether the session is there. */
const asks: ReadonlySet<OperationSent['kind']> = new Set(['read', 'put', 'hello', 'move'])

/**
 * A 401 proves that nothing was done, unless a logout was in flight: the session may have ended between a proxy's first attempt
 * and its retry, and the first attempt may have been applied.
 */
function endWrite(write: Write, { endedAtMs, outcome, why, count }: OperationEnded, { leavingAtMs }: Visit): void {
  const isUnproven = why === LOGGED_OUT && endedAtMs > leavingAtMs
  write.outcome = isUnproven ? 'unknown' : outcome
  // With unknown outcome the end stays open.
  if (write.outcome !== 'unknown') write.endedAtMs = endedAtMs
  if (count !== undefined) write.count = count
}

function isLogin({ sent, ended }: Done): boolean {
  return sent.kind === 'login' && ended.outcome === 'ok'
}

function isAfter(moment: Moment, other: Moment | undefined): boolean {
  return other !== undefined && moment.sentAtMs > other.endedAtMs
}

/** A 401 after a login, with no other login in flight that might have replaced the session. */
function isRefusal({ login, enteringSinceMs }: Visit, { sent, ended }: Done): boolean {
  const isOut = ended.outcome === 'failed' && ended.why === LOGGED_OUT
  return (
    asks.has(sent.kind) &&
    isOut &&
    login !== undefined &&
    login.endedAtMs < sent.sentAtMs &&
    enteringSinceMs === undefined
  )
}

function isSeenAndFailed(write: Write | undefined): write is Put {
  return write?.kind === 'put' && write.outcome === 'failed' && (write as Put).seenBy !== undefined
}

/** A wrong count is only suspect until a later answer shows that the session is still there. */
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
