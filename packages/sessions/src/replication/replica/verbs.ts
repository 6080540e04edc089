/**
 * The verbs as their callers see them. A full replica of the key carries a verb out in its own memory, under the lease and
 * while no change of the key is pending. Any other peer calls a full replica. What can't be done yet is tried again until
 * `verbMs` is over.
 */
import assert from 'node:assert'
import type { SessionKey, SessionRecord, WriteResult } from '../../contract.ts'
import type { Calls } from './calls.ts'
import type { Changes } from './changes.ts'
import type { Entries } from './entries.ts'
import type { Lease } from '../membership/lease.ts'
import type { ReplicatedChange, VerbOutcome, VerbRefusal, Verb } from '../wire/messages.ts'
import type { Neighbours } from '../membership/neighbours.ts'
import type { ChangeOutcome } from './driven-change.ts'
import { bit, count, has, ranksOf } from '../wire/ranks.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { TICK_MS } from '../context/timing.ts'
import type { CurrentView } from '../membership/current-view.ts'

export interface VerbParts {
  readonly currentView: CurrentView
  readonly neighbours: Neighbours
  readonly lease: Lease
  readonly entries: Entries
  readonly changes: Changes
  readonly calls: Calls
  readonly isPromised: () => boolean
}

interface VerbAttempt {
  readonly verb: Verb
  readonly done: (outcome: VerbOutcome<unknown>) => void
  readonly deadlineMs: number
  /** Another peer called this one: the verb is not passed on again. */
  readonly isCalled: boolean
  /** A change was begun, and may commit whatever is answered. */
  isBegun: boolean
  isOver: boolean
  /** The memory in which its change was outranked, see `#hasSettled`. */
  outrankedIn: number | undefined
  /** Tries it again. */
  readonly wake: () => void
}

type Read = Extract<Verb, { verb: 'read' }>
type Write = Extract<Verb, { verb: 'write' }>
type Destroy = Extract<Verb, { verb: 'destroy' }>
type Touch = Extract<Verb, { verb: 'touch' }>

export const ATTEMPTS_MAX = 10_000

export class Verbs {
  readonly #context: PeerContext
  readonly #parts: VerbParts
  readonly #open = new Set<VerbAttempt>()
  #parked: VerbAttempt[] = []
  #isClosed = false

  constructor(context: PeerContext, parts: VerbParts) {
    this.#context = context
    this.#parts = parts
  }

  /** No verb is under way. */
  get isIdle(): boolean {
    return this.#open.size === 0
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  carryOut(verb: Verb, isCalled: boolean, done: (outcome: VerbOutcome<unknown>) => void): void {
    if (this.#isClosed) return done(refused('closed'))
    if (this.#open.size >= ATTEMPTS_MAX) return done(refused('busy'))
    const waitMs = isCalled ? this.#context.timing.verbMs / 2 : this.#context.timing.verbMs
    const deadlineMs = this.#context.clock.monotonicMs() + waitMs
    const wake = (): void => this.#step(attempt)
    const attempt: VerbAttempt = {
      verb,
      done,
      deadlineMs,
      isCalled,
      isBegun: false,
      isOver: false,
      outrankedIn: undefined,
      wake,
    }
    this.#open.add(attempt)
    this.#context.due(deadlineMs)
    this.#step(attempt)
  }

  /** Tries again all that are parked: a link, a lease or a view is new. */
  retry(): void {
    const parked = this.#parked
    this.#parked = []
    for (const attempt of parked) this.#step(attempt)
  }

  tick(now: number): void {
    if (this.#open.size === 0) {
      this.#parked = []
      return
    }
    this.retry()
    for (const attempt of this.#open) {
      if (now >= attempt.deadlineMs) this.#end(attempt, refused(attempt.isBegun ? 'unknown' : 'unavailable'))
      else this.#context.due(attempt.deadlineMs)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const attempt of this.#open) this.#end(attempt, refused(attempt.isBegun ? 'unknown' : 'closed'))
  }

  /** The ranks by which verbs can be carried out now: full replicas within reach, and this one if it is full. */
  reach(now: number): number {
    const { currentView } = this.#parts
    const others = this.#context.names.reduce((set, _, rank) => (this.#answers(rank, now) ? set | bit(rank) : set), 0)
    return currentView.role === 'full' ? others | bit(this.#context.rank) : others
  }

  #answers(rank: number, now: number): boolean {
    const { currentView, neighbours } = this.#parts
    if (rank === this.#context.rank || !has(currentView.full, rank)) return false
    return neighbours.isPresent(currentView.member(rank)) && neighbours.hears(rank, now)
  }

  #step(attempt: VerbAttempt): void {
    if (attempt.isOver) return
    if (this.#isLocal(attempt.verb.key)) this.#carryOutHere(attempt)
    else if (attempt.outrankedIn !== undefined) this.#end(attempt, refused('unknown'))
    else if (attempt.isCalled) this.#end(attempt, refused('unavailable'))
    else this.#callReplica(attempt)
  }

  #isLocal(key: SessionKey): boolean {
    const { placement, rank } = this.#context
    return this.#parts.currentView.role === 'full' && has(placement.replicas(placement.bucketOf(key)), rank)
  }

  /** A full replica of the key. */
  #replicaToCall(key: SessionKey, now: number): number | undefined {
    const { placement } = this.#context
    return placement.preference(placement.bucketOf(key)).find((rank) => this.#answers(rank, now))
  }

  #callReplica(attempt: VerbAttempt): void {
    const { verb } = attempt
    const host = this.#replicaToCall(verb.key, this.#context.clock.monotonicMs())
    if (host === undefined) return this.#park(attempt)
    attempt.isBegun = verb.verb !== 'read'
    this.#parts.calls.call(host, verb, {
      replied: (outcome) => {
        const isDeclined = !outcome.ok && (outcome.refusal === 'unavailable' || outcome.refusal === 'closed')
        if (!isDeclined) return this.#end(attempt, outcome)
        attempt.isBegun = false
        this.#park(attempt)
      },
      lost: () => {
        if (attempt.isBegun) this.#end(attempt, refused('unknown'))
        else this.#park(attempt)
      },
    })
  }

  #carryOutHere(attempt: VerbAttempt): void {
    const { changes, lease, isPromised } = this.#parts
    const { verb } = attempt
    const isLeased = lease.isHeld(isPromised(), this.#context.clock.monotonicMs())
    if (!isLeased) return this.#park(attempt)
    if (changes.isPending(verb.key)) return changes.whenSettled(verb.key, attempt.wake)
    if (!this.#hasSettled(attempt)) return this.#end(attempt, refused('unknown'))
    switch (verb.verb) {
      case 'read':
        return this.#read(attempt, verb)
      case 'write':
        return this.#write(attempt, verb)
      case 'touch':
        return this.#end(attempt, { ok: true, value: this.#touch(verb) })
      case 'destroy':
        return this.#destroy(attempt, verb)
    }
  }

  /**
   * Whether an outranked change is known not to have been committed. While this replica is in the view, the change can't
   * commit; and once the change that outranked it has committed, it never can. But if this replica were dropped before that,
   * the others might commit it. So only when the key has settled in the same memory is a write answered, and a destruction
   * begun anew.
   */
  #hasSettled(attempt: VerbAttempt): boolean {
    const { outrankedIn } = attempt
    if (outrankedIn === undefined) return true
    if (outrankedIn !== this.#parts.changes.memory) return false
    attempt.outrankedIn = undefined
    attempt.isBegun = false
    return true
  }

  /** The record or fence of the key, unless it has expired. */
  #unexpired(key: SessionKey): ReplicatedChange | undefined {
    const change = this.#parts.entries.get(key)
    return change !== undefined && change.untilMs > this.#context.clock.wallMs() ? change : undefined
  }

  #read(attempt: VerbAttempt, { key }: Read): void {
    assert(!this.#parts.changes.isPending(key), 'a read never returns a pending change')
    this.#end(attempt, { ok: true, value: recordOf(this.#unexpired(key)) })
  }

  #touch({ key, expiresAtMs }: Touch): boolean {
    const change = this.#unexpired(key)
    if (change?.body === undefined) return false
    if (expiresAtMs > change.untilMs) this.#parts.changes.touch(change, expiresAtMs)
    return true
  }

  #write(attempt: VerbAttempt, { key, expectedVersion, expiresAtMs, body, ack }: Write): void {
    const { changes } = this.#parts
    const change = this.#unexpired(key)
    const current = recordOf(change)
    const answer = (value: WriteResult): void => this.#end(attempt, { ok: true, value })
    if (change === undefined ? expectedVersion !== 0 : current === undefined) return answer({ status: 'gone' })
    if (current !== undefined && current.version !== expectedVersion) return answer({ status: 'conflict', current })
    assert((current?.version ?? 0) === expectedVersion, 'a write builds on the version that it expects')
    const version = expectedVersion + 1
    const next = { key, stamp: changes.nextStamp(), version, untilMs: expiresAtMs, body: whole(body) }
    this.#change(attempt, next, ack, () => answer({ status: 'written', version }))
  }

  #destroy(attempt: VerbAttempt, { key, fenceUntilMs, ack }: Destroy): void {
    const former = this.#unexpired(key)
    const fencedMs = former !== undefined && former.body === undefined ? former.untilMs : 0
    const untilMs = Math.max(fencedMs, fenceUntilMs)
    const next = { key, stamp: this.#parts.changes.nextStamp(), version: 0, untilMs, body: undefined }
    this.#change(attempt, next, ack, () => this.#end(attempt, { ok: true, value: true }))
  }

  #change(attempt: VerbAttempt, change: ReplicatedChange, ack: Write['ack'], committed: () => void): void {
    const { changes, entries } = this.#parts
    const isNew = entries.get(change.key) === undefined
    if (isNew && entries.records >= this.#context.recordsMax) return this.#end(attempt, refused('full'))
    // Changes whose callers were answered 'unknown' are pending without an attempt, and need a bound too.
    if (changes.pending >= ATTEMPTS_MAX) return this.#end(attempt, refused('busy'))
    // A change that can't commit would block every other verb of its key.
    if (changes.copiesToHave(change.key) < this.#copiesMin(ack) || !this.#isWithinReach(change.key))
      return this.#park(attempt)
    attempt.isBegun = true
    changes.begin(change, (end: ChangeOutcome) => {
      if (attempt.isOver) return
      // A member may have been removed since the change began, and then all have it without that one.
      if (end.end === 'committed' && end.copies >= this.#copiesMin(ack)) return committed()
      if (end.end !== 'outranked') return this.#end(attempt, refused('unknown'))
      attempt.outrankedIn = changes.memory
      this.#park(attempt)
      this.retry()
    })
  }

  /** This peer has a link to every live replica of the key. */
  #isWithinReach(key: SessionKey): boolean {
    const { placement } = this.#context
    const { currentView, neighbours } = this.#parts
    const replicas = ranksOf(currentView.live & placement.replicas(placement.bucketOf(key)))
    return replicas.every((rank) => neighbours.isPresent(currentView.member(rank)))
  }

  #copiesMin(ack: Write['ack']): number {
    const copies = Math.min(this.#context.placement.copies, count(this.#parts.currentView.electorate.counted))
    switch (ack) {
      case 'local':
        return 1
      case 'one':
        return Math.min(2, copies)
      case 'quorum':
        return Math.floor(copies / 2) + 1
      case 'all':
        return copies
    }
  }

  #park(attempt: VerbAttempt): void {
    this.#parked.push(attempt)
    this.#context.due(this.#context.clock.monotonicMs() + TICK_MS)
  }

  #end(attempt: VerbAttempt, outcome: VerbOutcome<unknown>): void {
    if (attempt.isOver) return
    attempt.isOver = true
    this.#open.delete(attempt)
    this.#parts.changes.leave(attempt.verb.key, attempt.wake)
    attempt.done(outcome)
  }
}

function refused(refusal: VerbRefusal): { readonly ok: false; readonly refusal: VerbRefusal } {
  return { ok: false, refusal }
}

function recordOf(change: ReplicatedChange | undefined): SessionRecord | undefined {
  if (change?.body === undefined) return undefined
  return { version: change.version, expiresAtMs: change.untilMs, body: change.body }
}

/** A copy in one piece: a string that was concatenated keeps its parts in memory. */
function whole(text: string): string {
  return Buffer.from(text).toString()
}
