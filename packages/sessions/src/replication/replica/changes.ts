/**
 * Changes until they are committed (after Hermes: invalidate, acknowledge, validate); see PROTOCOL.md, "A write".
 *
 * The coordinator stamps a change, holds it as pending and sends it to every live replica of the key. A replica takes it
 * if its stamp is later than what it holds, and holds it as pending too. When all have acknowledged it in the present view,
 * it is committed; the other replicas learn that from `validate`.
 *
 * Of two changes that build on one version at most one commits: each needs an acknowledgement of the other's coordinator,
 * which refuses a change with an earlier stamp than its own, and gives up its own for one with a later stamp.
 *
 * The outcome of a change is reported to its caller exactly once.
 */
import assert from 'node:assert'
import type { SessionKey } from '../../contract.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { TICK_MS } from '../context/timing.ts'
import { type CurrentView, isProcess } from '../membership/current-view.ts'
import type { Lease } from '../membership/lease.ts'
import { QUIET_VERSION } from '../context/linked-peer.ts'
import type { Neighbours } from '../membership/neighbours.ts'
import type {
  HeldChange,
  Invalidate,
  InvalidateAck,
  InvalidateNack,
  QueryCommit,
  ReplicatedChange,
  Stamp,
  Touched,
  Validate,
} from '../wire/messages.ts'
import { bit, count, has, ranksOf } from '../wire/ranks.ts'
import { isLater, isSameStamp } from '../wire/stamp.ts'
import type { ChangeOutcome, DrivenChange } from './driven-change.ts'
import type { Entries } from './entries.ts'
import { PendingChanges } from './pending-changes.ts'
import { Validations } from './validations.ts'

/** The parts of a peer that changes need. */
export interface ChangeParts {
  readonly currentView: CurrentView
  readonly neighbours: Neighbours
  readonly lease: Lease
  readonly entries: Entries
  readonly isPromised: () => boolean
  /** This peer drives a change, and needs the lease to commit it. */
  readonly driving: () => void
}

/** Of `resendMs`, the longest time between two resends. */
const RESENDS_MAX = 8

export class Changes {
  readonly #context: PeerContext
  readonly #parts: ChangeParts
  readonly #driven = new Map<number, DrivenChange>()
  readonly #drivenByKey = new Map<SessionKey, DrivenChange>()
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

  /** Counts how often this peer has dropped everything it held: equal numbers mean the same memory. */
  get memory(): number {
    return this.#memory
  }

  /** Changes that this peer drives. */
  get driven(): number {
    return this.#driven.size
  }

  isPending(key: SessionKey): boolean {
    return this.#pendingChanges.has(key)
  }

  /** Later than every stamp that this peer has seen. */
  nextStamp(): Stamp {
    const counter = ++this.#counter
    return { view: this.#parts.currentView.number, counter, rank: this.#context.rank }
  }

  /** How many copies a change of this key would have. */
  copiesToHave(key: SessionKey): number {
    return 1 + count(this.#others(key))
  }

  /** Starts a change of this peer's own. The key must not be pending. */
  begin(change: ReplicatedChange, end?: (outcome: ChangeOutcome) => void): void {
    assert(!this.isPending(change.key), 'a change begins only where none is pending')
    this.#parts.entries.put(change)
    this.#pendingChanges.add(change, this.#now())
    this.#drive(change, end)
  }

  /** Calls `wake` when the key has no pending change, or when this peer drops everything. */
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

  /** Takes over what another replica holds, if its stamp is later. True when it was. */
  learn({ change, isCommitted }: HeldChange): boolean {
    const own = this.#parts.entries.get(change.key)
    if (own === undefined || isLater(change.stamp, own.stamp)) {
      this.#take(change, isCommitted)
      return true
    }
    if (!isSameStamp(own.stamp, change.stamp)) return false
    this.extend({ key: change.key, stamp: change.stamp, untilMs: change.untilMs })
    if (isCommitted) this.#onValidate({ type: 'validate', key: change.key, stamp: change.stamp })
    return false
  }

  /** Moves the expiry of the change with this stamp to a later time. */
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
    for (const driven of this.#driven.values()) {
      if (this.#commitIfAcked(driven)) continue
      if (now - driven.sentAtMs < driven.resendMs) this.#context.due(driven.sentAtMs + driven.resendMs)
      else {
        driven.resendMs = Math.min(2 * driven.resendMs, RESENDS_MAX * this.#context.timing.resendMs)
        this.#send(driven)
      }
    }
    for (const key of this.#pendingChanges.due(now)) this.#driveOn(key)
    this.#validations.tick(now)
  }

  /** A new link: what was in flight on the former one may be lost. */
  linked(rank: number): void {
    for (const driven of this.#driven.values()) if (!has(driven.acked, rank)) this.#send(driven)
  }

  /** Another view with the same memory. Acknowledgements of the former view don't count. */
  installed(): void {
    for (const driven of this.#driven.values()) {
      driven.view = this.#parts.currentView.number
      driven.acked = 0
      driven.sentFirstAtMs = this.#now()
      driven.resendMs = this.#context.timing.resendMs
      this.#send(driven)
    }
    this.#pendingChanges.installed(this.#parts.entries, this.#now())
  }

  /** Drops everything: this peer is no replica any more. The other replicas drive on what it began. */
  forget(): void {
    this.#memory++
    const all = [...this.#driven.values()]
    this.#driven.clear()
    this.#drivenByKey.clear()
    this.#parts.entries.clear()
    for (const { end } of all) end?.({ end: 'unknown' })
    this.#pendingChanges.clear()
  }

  /** Drops one bucket, at a peer that is not full and therefore drives nothing. */
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

  #drive(change: ReplicatedChange, end?: (outcome: ChangeOutcome) => void): void {
    assert(!this.#drivenByKey.has(change.key), 'a peer drives one change of a key at a time')
    const view = this.#parts.currentView.number
    const sentFirstAtMs = this.#now()
    const driven = {
      id: ++this.#lastId,
      change,
      view,
      acked: 0,
      sentFirstAtMs,
      sentAtMs: sentFirstAtMs,
      resendMs: this.#context.timing.resendMs,
      askers: 0,
      isShared: false,
      end,
    }
    this.#parts.driving()
    this.#driven.set(driven.id, driven)
    this.#drivenByKey.set(change.key, driven)
    this.#counter = Math.max(this.#counter, change.stamp.counter)
    this.#send(driven)
    this.#commitIfAcked(driven)
  }

  /** Takes over as the coordinator of a pending change, with its stamp. */
  #driveOn(key: SessionKey): void {
    const { entries, currentView } = this.#parts
    const change = entries.get(key)
    if (change === undefined || this.#drivenByKey.has(key) || currentView.role !== 'full') return
    this.#drive(change)
  }

  #send(driven: DrivenChange): void {
    const { currentView } = this.#parts
    const { id, change, acked } = driven
    driven.sentAtMs = this.#now()
    this.#context.due(driven.sentAtMs + driven.resendMs)
    const receivers = this.#others(change.key)
    for (const to of ranksOf(receivers & ~acked)) {
      this.#validations.flush(to)
      this.#context.post(to, { type: 'invalidate', view: currentView.number, op: id, change })
    }
  }

  #commitIfAcked(driven: DrivenChange): boolean {
    const { lease, isPromised } = this.#parts
    const replicas = this.#others(driven.change.key)
    const missing = replicas & ~driven.acked
    if (missing !== 0) return false
    const now = this.#now()
    if (!lease.mayCommit(isPromised(), now)) {
      this.#context.due(now + TICK_MS)
      return false
    }
    this.#commit(driven, now)
    return true
  }

  /** `now`: when the lease was looked at. It may have run out since, if this process was stopped in between. */
  #commit(driven: DrivenChange, now: number): void {
    const { currentView, lease, isPromised } = this.#parts
    const { acked, change, view } = driven
    assert(view === currentView.number, 'only acknowledgements of the present view count')
    assert((this.#others(change.key) & ~acked) === 0, 'every live replica holds a change before it is committed')
    assert(lease.mayCommit(isPromised(), now), 'a commit needs the lease, and the guard has passed')
    this.#finish(driven)
  }

  /** The change is committed, by this peer or by another one that drives it. */
  #finish(driven: DrivenChange): void {
    const { key, stamp } = driven.change
    const copies = this.copiesToHave(key)
    this.#drop(driven)
    for (const to of ranksOf(this.#others(key))) {
      this.#validations.add(to, { type: 'validate', key, stamp })
      if (has(driven.askers, to)) this.#validations.flush(to)
    }
    driven.end?.({ end: 'committed', copies })
    this.#pendingChanges.settle(key)
  }

  #drop(driven: DrivenChange): void {
    this.#driven.delete(driven.id)
    this.#drivenByKey.delete(driven.change.key)
  }

  #take(change: ReplicatedChange, isCommitted: boolean): void {
    this.#counter = Math.max(this.#counter, change.stamp.counter)
    this.#parts.entries.put(change)
    const driven = this.#drivenByKey.get(change.key)
    if (driven !== undefined) this.#drop(driven)
    if (!isCommitted) this.#pendingChanges.add(change, this.#now())
    // After the new change is in place: the caller of the outranked one looks at what is there.
    driven?.end?.({ end: driven.isShared ? 'unknown' : 'outranked' })
    if (isCommitted) this.#pendingChanges.settle(change.key)
  }

  /** Message, sender and receiver belong to the present view. */
  #isOurs(rank: number, view: number): boolean {
    const { currentView, neighbours } = this.#parts
    const sender = currentView.member(rank)
    if (sender === undefined || sender.role === 'out' || (currentView.self?.role ?? 'out') === 'out') return false
    return view === currentView.number && isProcess(sender, neighbours.of(rank).incarnation)
  }

  #onInvalidate(rank: number, { view, op, change }: Invalidate): void {
    if (!this.#isOurs(rank, view)) return
    const { key } = change
    this.learn({ change, isCommitted: false })
    const own = this.#parts.entries.get(key) as ReplicatedChange
    if (!isSameStamp(own.stamp, change.stamp)) {
      const isCommitted = !this.isPending(key)
      this.#context.post(rank, { type: 'nack', view, op, change: own, isCommitted })
      return
    }
    const driven = this.#drivenByKey.get(key)
    if (driven !== undefined) driven.isShared = true
    // An acknowledgement is an echo, too.
    if (this.#parts.isPromised()) return
    this.#parts.lease.sentEcho(rank, this.#now())
    this.#context.post(rank, { type: 'ack', view, op })
  }

  #onAck(rank: number, { view, op }: InvalidateAck): void {
    const driven = this.#driven.get(op)
    if (driven === undefined || !this.#isOurs(rank, view)) return
    driven.acked |= bit(rank)
    const { currentView, lease, neighbours } = this.#parts
    if (neighbours.of(rank).version >= QUIET_VERSION)
      lease.echoed(rank, { cluster: currentView.cluster, view, atMs: driven.sentFirstAtMs })
    this.#commitIfAcked(driven)
  }

  #onNack(rank: number, { view, change, isCommitted }: InvalidateNack): void {
    if (this.#isOurs(rank, view)) this.learn({ change, isCommitted })
  }

  #onValidate({ key, stamp }: Validate): void {
    const own = this.#parts.entries.get(key)
    if (own === undefined || !isSameStamp(own.stamp, stamp) || !this.isPending(key)) return
    const driven = this.#drivenByKey.get(key)
    if (driven === undefined) this.#pendingChanges.settle(key)
    else this.#finish(driven)
  }

  #onQueryCommit(rank: number, { key, stamp }: QueryCommit): void {
    const own = this.#parts.entries.get(key)
    if (own === undefined || !isSameStamp(own.stamp, stamp)) return
    const driven = this.#drivenByKey.get(key)
    if (driven !== undefined) driven.askers |= bit(rank)
    else if (this.isPending(key)) this.#driveOn(key)
    else this.#context.post(rank, { type: 'validate', key, stamp })
  }
}
