/**
 * Changes on their way (after Hermes: invalidate, acknowledge, validate). The coordinator gives a change its stamp, puts it
 * into its own memory and sends it to *every* live replica of the view. Each takes it if it outranks what it has, and
 * holds it as pending; when all have, it is committed, and the others are told so when something is sent to them anyway.
 *
 * Of two changes on one base at most one commits, because each needs the other's coordinator, who refuses a change that its
 * own outranks and abandons its own for one that outranks it. A change that a dead coordinator left is driven on by any
 * replica that has it, under the same stamp: to do so twice does no harm.
 *
 * A change has an end for its caller exactly once: `committed`, `outranked` (see verbs.ts) or `unknown`.
 */
import type { SessionKey } from '../../contract.ts'
import type { Entries } from './entries.ts'
import type { Lease } from '../membership/lease.ts'
import type { Ask, Change, Held, Invalidate, Refused, Stamp, Taken, Touched, Valid } from '../wire/messages.ts'
import type { Neighbours } from '../membership/neighbours.ts'
import { Notices } from './validations.ts'
import type { End, Op } from './driven-change.ts'
import { Orphans } from './pending-changes.ts'
import { bit, count, has, ranksOf } from '../wire/ranks.ts'
import type { Site } from '../context/peer-context.ts'
import { isSameStamp } from '../wire/stamp.ts'
import type { Standing } from '../membership/current-view.ts'

/** The parts of a peer that changes touch. */
export interface ChangeParts {
  readonly standing: Standing
  readonly neighbours: Neighbours
  readonly lease: Lease
  readonly entries: Entries
  readonly isPromised: () => boolean
}

export class Changes {
  readonly #site: Site
  readonly #parts: ChangeParts
  readonly #ops = new Map<number, Op>()
  readonly #byKey = new Map<SessionKey, Op>()
  readonly #orphans: Orphans
  readonly #notices: Notices
  #lastId = 0
  #counter = 0
  #memory = 0

  constructor(site: Site, parts: ChangeParts) {
    this.#site = site
    this.#parts = parts
    this.#notices = new Notices(site)
    this.#orphans = new Orphans(site, parts.standing)
  }

  get pending(): number {
    return this.#orphans.size
  }

  /** Another one each time that this peer forgot everything. */
  get memory(): number {
    return this.#memory
  }

  isPending(key: SessionKey): boolean {
    return this.#orphans.has(key)
  }

  nextStamp(): Stamp {
    const counter = this.#site.rules.counter(++this.#counter, this.#site.clock.wallMs())
    return { view: this.#parts.standing.number, counter, rank: this.#site.rank }
  }

  /** How many copies there would be of a change of this key. */
  copiesToHave(key: SessionKey): number {
    return 1 + count(this.#others(key))
  }

  /** The key must not be pending. */
  begin(change: Change, end?: (end: End) => void): void {
    this.#parts.entries.put(change)
    this.#orphans.add(change, this.#now())
    this.#drive(change, end)
  }

  /** Calls once the key has no pending change, or when this peer forgets everything. */
  whenSettled(key: SessionKey, wake: () => void): void {
    const change = this.#parts.entries.get(key)
    if (change === undefined || !this.#orphans.wait(key, wake)) return
    const { stamp } = change
    if (stamp.rank !== this.#site.rank) this.#site.post(stamp.rank, { type: 'ask', key, stamp })
  }

  leave(key: SessionKey, wake: () => void): void {
    this.#orphans.leave(key, wake)
  }

  receive(rank: number, message: Invalidate | Taken | Refused | Valid | Ask | Touched): void {
    switch (message.type) {
      case 'invalidate':
        return this.#onInvalidate(rank, message)
      case 'taken':
        return this.#onTaken(rank, message)
      case 'refused':
        return this.#onRefused(rank, message)
      case 'valid':
        return this.#onValid(message)
      case 'ask':
        return this.#onAsk(rank, message)
      case 'touched':
        return this.extend(message)
    }
  }

  /** What another replica holds, as it says. True when it was news. */
  learn({ change, valid }: Held): boolean {
    const own = this.#parts.entries.get(change.key)
    if (own === undefined || this.#site.rules.outranks(change.stamp, own.stamp)) {
      this.#take(change, valid)
      return true
    }
    if (!isSameStamp(own.stamp, change.stamp)) return false
    this.extend({ key: change.key, stamp: change.stamp, untilMs: change.untilMs })
    if (valid) this.#onValid({ type: 'valid', key: change.key, stamp: change.stamp })
    return false
  }

  /** Moves the end of that very change later. */
  extend({ key, stamp, untilMs }: { readonly key: SessionKey; readonly stamp: Stamp; readonly untilMs: number }): void {
    const own = this.#parts.entries.get(key)
    if (own === undefined || !isSameStamp(own.stamp, stamp) || own.untilMs >= untilMs) return
    this.#parts.entries.put({ ...own, untilMs })
  }

  touch(change: Change, untilMs: number): void {
    const { key, stamp } = change
    this.extend({ key, stamp, untilMs })
    for (const to of ranksOf(this.#others(key))) this.#site.post(to, { type: 'touched', key, stamp, untilMs })
  }

  tick(now: number): void {
    for (const op of this.#ops.values()) {
      if (!this.#commitIfTaken(op) && now - op.sentAtMs >= this.#site.timing.resendMs) this.#send(op)
    }
    for (const key of this.#orphans.due(now)) this.#driveOn(key)
    this.#notices.flushAll()
  }

  /** A link stands anew: what was on the former one may be lost. */
  linked(rank: number): void {
    for (const op of this.#ops.values()) if (!has(op.taken, rank)) this.#send(op)
  }

  /** The same memory in another view: who acknowledged in the former one is asked again. */
  installed(): void {
    for (const op of this.#ops.values()) {
      op.taken = 0
      this.#send(op)
    }
    this.#orphans.installed(this.#parts.entries, this.#now())
  }

  /** This peer is no replica any more: what it began is in the hands of the others. */
  forget(): void {
    this.#memory++
    const ops = [...this.#ops.values()]
    this.#ops.clear()
    this.#byKey.clear()
    this.#parts.entries.clear()
    for (const { end } of ops) end?.({ end: 'unknown' })
    this.#orphans.clear()
  }

  /** The same of one bucket, for a peer that is not full and has nothing under way. */
  forgetBucket(bucket: number): void {
    for (const key of this.#parts.entries.clearBucket(bucket)) this.#orphans.settle(key)
  }

  #now(): number {
    return this.#site.clock.monotonicMs()
  }

  /** The live replicas of a key besides this one. */
  #others(key: SessionKey): number {
    const { placement, rank } = this.#site
    return this.#parts.standing.live & placement.replicas(placement.bucketOf(key)) & ~bit(rank)
  }

  #drive(change: Change, end?: (end: End) => void): void {
    const op = { id: ++this.#lastId, change, taken: 0, sentAtMs: 0, askers: 0, isShared: false, end }
    this.#ops.set(op.id, op)
    this.#byKey.set(change.key, op)
    this.#counter = Math.max(this.#counter, change.stamp.counter)
    this.#send(op)
    this.#commitIfTaken(op)
  }

  #driveOn(key: SessionKey): void {
    const { entries, standing } = this.#parts
    const change = entries.get(key)
    if (change === undefined || this.#byKey.has(key) || standing.role !== 'full') return
    if (this.#site.rules.orphan === 'believe') this.#orphans.settle(key)
    else this.#drive(change)
  }

  #send(op: Op): void {
    const { standing } = this.#parts
    op.sentAtMs = this.#now()
    const sent = this.#site.rules.isSent(this.#others(op.change.key), standing.full)
    for (const to of ranksOf(sent & ~op.taken)) {
      this.#notices.flush(to)
      this.#site.post(to, { type: 'invalidate', view: standing.number, op: op.id, change: op.change })
    }
  }

  #commitIfTaken(op: Op): boolean {
    const { standing, lease, isPromised } = this.#parts
    const others = this.#others(op.change.key)
    const missing = this.#site.rules.mustTake(others, standing.full) & ~op.taken & ~bit(this.#site.rank)
    if (missing !== 0 || !lease.mayCommit(isPromised(), this.#now())) return false
    this.#committed(op)
    return true
  }

  /** Every live replica has it. */
  #committed(op: Op): void {
    const { key, stamp } = op.change
    const copies = this.copiesToHave(key)
    this.#drop(op)
    for (const to of ranksOf(this.#others(key))) {
      this.#notices.add(to, { type: 'valid', key, stamp })
      if (has(op.askers, to)) this.#notices.flush(to)
    }
    op.end?.({ end: 'committed', copies })
    this.#orphans.settle(key)
  }

  #drop(op: Op): void {
    this.#ops.delete(op.id)
    this.#byKey.delete(op.change.key)
  }

  #take(change: Change, valid: boolean): void {
    this.#counter = Math.max(this.#counter, change.stamp.counter)
    this.#parts.entries.put(change)
    const op = this.#byKey.get(change.key)
    if (op !== undefined) this.#drop(op)
    if (!valid) this.#orphans.add(change, this.#now())
    // After the new change is in place: who hears that its own was outranked looks at what is there.
    op?.end?.({ end: this.#site.rules.isBeaten(op.isShared) ? 'outranked' : 'unknown' })
    if (valid) this.#orphans.settle(change.key)
  }

  /** The message belongs to the present view, and so does the one that sent it. */
  #isOurs(rank: number, view: number): boolean {
    const { standing, neighbours } = this.#parts
    const sender = standing.member(rank)
    if (sender === undefined || sender.role === 'out' || (standing.self?.role ?? 'out') === 'out') return false
    return view === standing.number && this.#site.rules.isSame(sender, neighbours.of(rank).incarnation)
  }

  #onInvalidate(rank: number, { view, op: id, change }: Invalidate): void {
    if (!this.#isOurs(rank, view)) return
    const { key } = change
    this.learn({ change, valid: false })
    const own = this.#parts.entries.get(key) as Change
    if (!isSameStamp(own.stamp, change.stamp)) {
      const valid = !this.isPending(key)
      this.#site.post(rank, { type: 'refused', view, op: id, change: own, valid })
      return
    }
    const op = this.#byKey.get(key)
    if (op !== undefined) op.isShared = true
    this.#site.post(rank, { type: 'taken', view, op: id })
  }

  #onTaken(rank: number, { view, op: id }: Taken): void {
    const op = this.#ops.get(id)
    if (op === undefined || !this.#isOurs(rank, view)) return
    op.taken |= bit(rank)
    this.#commitIfTaken(op)
  }

  #onRefused(rank: number, { view, change, valid }: Refused): void {
    if (this.#isOurs(rank, view)) this.learn({ change, valid })
  }

  #onValid({ key, stamp }: Valid): void {
    const own = this.#parts.entries.get(key)
    if (own === undefined || !isSameStamp(own.stamp, stamp) || !this.isPending(key)) return
    const op = this.#byKey.get(key)
    if (op === undefined) this.#orphans.settle(key)
    else this.#committed(op)
  }

  #onAsk(rank: number, { key, stamp }: Ask): void {
    const own = this.#parts.entries.get(key)
    if (own === undefined || !isSameStamp(own.stamp, stamp)) return
    const op = this.#byKey.get(key)
    if (op !== undefined) op.askers |= bit(rank)
    else if (this.isPending(key)) this.#driveOn(key)
    else this.#site.post(rank, { type: 'valid', key, stamp })
  }
}
