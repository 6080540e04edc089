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
import type {
  QueryCommit,
  ReplicatedChange,
  HeldChange,
  Invalidate,
  InvalidateNack,
  Stamp,
  InvalidateAck,
  Touched,
  Validate,
} from '../wire/messages.ts'
import type { Neighbours } from '../membership/neighbours.ts'
import { Validations } from './validations.ts'
import type { ChangeOutcome, DrivenChange } from './driven-change.ts'
import { PendingChanges } from './pending-changes.ts'
import { bit, count, has, ranksOf } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { isSameStamp } from '../wire/stamp.ts'
import type { CurrentView } from '../membership/current-view.ts'

/** The parts of a peer that changes touch. */
export interface ChangeParts {
  readonly currentView: CurrentView
  readonly neighbours: Neighbours
  readonly lease: Lease
  readonly entries: Entries
  readonly isPromised: () => boolean
}

export class Changes {
  readonly #context: PeerContext
  readonly #parts: ChangeParts
  readonly #ops = new Map<number, DrivenChange>()
  readonly #byKey = new Map<SessionKey, DrivenChange>()
  readonly #pendingChanges: PendingChanges
  readonly #validations: Validations
  #lastId = 0
  #counter = 0
  #memory = 0

  constructor(context: PeerContext, parts: ChangeParts) {
    this.#context = context
    this.#parts = parts
    this.#validations = new Validations(context)
    this.#pendingChanges = new PendingChanges(context, parts.currentView)
  }

  get pending(): number {
    return this.#pendingChanges.size
  }

  /** Another one each time that this peer forgot everything. */
  get memory(): number {
    return this.#memory
  }

  isPending(key: SessionKey): boolean {
    return this.#pendingChanges.has(key)
  }

  nextStamp(): Stamp {
    const counter = this.#context.rules.counter(++this.#counter, this.#context.clock.wallMs())
    return { view: this.#parts.currentView.number, counter, rank: this.#context.rank }
  }

  /** How many copies there would be of a change of this key. */
  copiesToHave(key: SessionKey): number {
    return 1 + count(this.#others(key))
  }

  /** The key must not be pending. */
  begin(change: ReplicatedChange, end?: (end: ChangeOutcome) => void): void {
    this.#parts.entries.put(change)
    this.#pendingChanges.add(change, this.#now())
    this.#drive(change, end)
  }

  /** Calls once the key has no pending change, or when this peer forgets everything. */
  whenSettled(key: SessionKey, wake: () => void): void {
    const change = this.#parts.entries.get(key)
    if (change === undefined || !this.#pendingChanges.wait(key, wake)) return
    const { stamp } = change
    if (stamp.rank !== this.#context.rank) this.#context.post(stamp.rank, { type: 'query-commit', key, stamp })
  }

  leave(key: SessionKey, wake: () => void): void {
    this.#pendingChanges.leave(key, wake)
  }

  receive(rank: number, message: Invalidate | InvalidateAck | InvalidateNack | Validate | QueryCommit | Touched): void {
    switch (message.type) {
      case 'invalidate':
        return this.#onInvalidate(rank, message)
      case 'ack':
        return this.#onAck(rank, message)
      case 'nack':
        return this.#onNack(rank, message)
      case 'validate':
        return this.#onValidate(message)
      case 'query-commit':
        return this.#onQueryCommit(rank, message)
      case 'touched':
        return this.extend(message)
    }
  }

  /** What another replica holds, as it says. True when it was news. */
  learn({ change, isCommitted }: HeldChange): boolean {
    const own = this.#parts.entries.get(change.key)
    if (own === undefined || this.#context.rules.outranks(change.stamp, own.stamp)) {
      this.#take(change, isCommitted)
      return true
    }
    if (!isSameStamp(own.stamp, change.stamp)) return false
    this.extend({ key: change.key, stamp: change.stamp, untilMs: change.untilMs })
    if (isCommitted) this.#onValidate({ type: 'validate', key: change.key, stamp: change.stamp })
    return false
  }

  /** Moves the end of that very change later. */
  extend({ key, stamp, untilMs }: { readonly key: SessionKey; readonly stamp: Stamp; readonly untilMs: number }): void {
    const own = this.#parts.entries.get(key)
    if (own === undefined || !isSameStamp(own.stamp, stamp) || own.untilMs >= untilMs) return
    this.#parts.entries.put({ ...own, untilMs })
  }

  touch(change: ReplicatedChange, untilMs: number): void {
    const { key, stamp } = change
    this.extend({ key, stamp, untilMs })
    for (const to of ranksOf(this.#others(key))) this.#context.post(to, { type: 'touched', key, stamp, untilMs })
  }

  tick(now: number): void {
    for (const op of this.#ops.values()) {
      if (!this.#commitIfAcked(op) && now - op.sentAtMs >= this.#context.timing.resendMs) this.#send(op)
    }
    for (const key of this.#pendingChanges.due(now)) this.#driveOn(key)
    this.#validations.flushAll()
  }

  /** A link stands anew: what was on the former one may be lost. */
  linked(rank: number): void {
    for (const op of this.#ops.values()) if (!has(op.acked, rank)) this.#send(op)
  }

  /** The same memory in another view: who acknowledged in the former one is asked again. */
  installed(): void {
    for (const op of this.#ops.values()) {
      op.acked = 0
      this.#send(op)
    }
    this.#pendingChanges.installed(this.#parts.entries, this.#now())
  }

  /** This peer is no replica any more: what it began is in the hands of the others. */
  forget(): void {
    this.#memory++
    const ops = [...this.#ops.values()]
    this.#ops.clear()
    this.#byKey.clear()
    this.#parts.entries.clear()
    for (const { end } of ops) end?.({ end: 'unknown' })
    this.#pendingChanges.clear()
  }

  /** The same of one bucket, for a peer that is not full and has nothing under way. */
  forgetBucket(bucket: number): void {
    for (const key of this.#parts.entries.clearBucket(bucket)) this.#pendingChanges.settle(key)
  }

  #now(): number {
    return this.#context.clock.monotonicMs()
  }

  /** The live replicas of a key besides this one. */
  #others(key: SessionKey): number {
    const { placement, rank } = this.#context
    return this.#parts.currentView.live & placement.replicas(placement.bucketOf(key)) & ~bit(rank)
  }

  #drive(change: ReplicatedChange, end?: (end: ChangeOutcome) => void): void {
    const op = { id: ++this.#lastId, change, acked: 0, sentAtMs: 0, askers: 0, isShared: false, end }
    this.#ops.set(op.id, op)
    this.#byKey.set(change.key, op)
    this.#counter = Math.max(this.#counter, change.stamp.counter)
    this.#send(op)
    this.#commitIfAcked(op)
  }

  #driveOn(key: SessionKey): void {
    const { entries, currentView } = this.#parts
    const change = entries.get(key)
    if (change === undefined || this.#byKey.has(key) || currentView.role !== 'full') return
    if (this.#context.rules.orphan === 'believe') this.#pendingChanges.settle(key)
    else this.#drive(change)
  }

  #send(op: DrivenChange): void {
    const { currentView } = this.#parts
    op.sentAtMs = this.#now()
    const sent = this.#context.rules.isSent(this.#others(op.change.key), currentView.full)
    for (const to of ranksOf(sent & ~op.acked)) {
      this.#validations.flush(to)
      this.#context.post(to, { type: 'invalidate', view: currentView.number, op: op.id, change: op.change })
    }
  }

  #commitIfAcked(op: DrivenChange): boolean {
    const { currentView, lease, isPromised } = this.#parts
    const others = this.#others(op.change.key)
    const missing = this.#context.rules.mustTake(others, currentView.full) & ~op.acked & ~bit(this.#context.rank)
    if (missing !== 0 || !lease.mayCommit(isPromised(), this.#now())) return false
    this.#committed(op)
    return true
  }

  /** Every live replica has it. */
  #committed(op: DrivenChange): void {
    const { key, stamp } = op.change
    const copies = this.copiesToHave(key)
    this.#drop(op)
    for (const to of ranksOf(this.#others(key))) {
      this.#validations.add(to, { type: 'validate', key, stamp })
      if (has(op.askers, to)) this.#validations.flush(to)
    }
    op.end?.({ end: 'committed', copies })
    this.#pendingChanges.settle(key)
  }

  #drop(op: DrivenChange): void {
    this.#ops.delete(op.id)
    this.#byKey.delete(op.change.key)
  }

  #take(change: ReplicatedChange, isCommitted: boolean): void {
    this.#counter = Math.max(this.#counter, change.stamp.counter)
    this.#parts.entries.put(change)
    const op = this.#byKey.get(change.key)
    if (op !== undefined) this.#drop(op)
    if (!isCommitted) this.#pendingChanges.add(change, this.#now())
    // After the new change is in place: who hears that its own was outranked looks at what is there.
    op?.end?.({ end: this.#context.rules.isBeaten(op.isShared) ? 'outranked' : 'unknown' })
    if (isCommitted) this.#pendingChanges.settle(change.key)
  }

  /** The message belongs to the present view, and so does the one that sent it. */
  #isOurs(rank: number, view: number): boolean {
    const { currentView, neighbours } = this.#parts
    const sender = currentView.member(rank)
    if (sender === undefined || sender.role === 'out' || (currentView.self?.role ?? 'out') === 'out') return false
    return view === currentView.number && this.#context.rules.isSame(sender, neighbours.of(rank).incarnation)
  }

  #onInvalidate(rank: number, { view, op: id, change }: Invalidate): void {
    if (!this.#isOurs(rank, view)) return
    const { key } = change
    this.learn({ change, isCommitted: false })
    const own = this.#parts.entries.get(key) as ReplicatedChange
    if (!isSameStamp(own.stamp, change.stamp)) {
      const isCommitted = !this.isPending(key)
      this.#context.post(rank, { type: 'nack', view, op: id, change: own, isCommitted })
      return
    }
    const op = this.#byKey.get(key)
    if (op !== undefined) op.isShared = true
    this.#context.post(rank, { type: 'ack', view, op: id })
  }

  #onAck(rank: number, { view, op: id }: InvalidateAck): void {
    const op = this.#ops.get(id)
    if (op === undefined || !this.#isOurs(rank, view)) return
    op.acked |= bit(rank)
    this.#commitIfAcked(op)
  }

  #onNack(rank: number, { view, change, isCommitted }: InvalidateNack): void {
    if (this.#isOurs(rank, view)) this.learn({ change, isCommitted })
  }

  #onValidate({ key, stamp }: Validate): void {
    const own = this.#parts.entries.get(key)
    if (own === undefined || !isSameStamp(own.stamp, stamp) || !this.isPending(key)) return
    const op = this.#byKey.get(key)
    if (op === undefined) this.#pendingChanges.settle(key)
    else this.#committed(op)
  }

  #onQueryCommit(rank: number, { key, stamp }: QueryCommit): void {
    const own = this.#parts.entries.get(key)
    if (own === undefined || !isSameStamp(own.stamp, stamp)) return
    const op = this.#byKey.get(key)
    if (op !== undefined) op.askers |= bit(rank)
    else if (this.isPending(key)) this.#driveOn(key)
    else this.#context.post(rank, { type: 'validate', key, stamp })
  }
}
