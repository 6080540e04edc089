/**
 * The keys whose last change is not known to be committed, who waits for that, and when this replica takes a change into
 * its own hands: at once and in turn when its coordinator has gone, else after a good while.
 */
import type { SessionKey } from '../../contract.ts'
import type { Entries } from './entries.ts'
import type { ReplicatedChange, Stamp } from '../wire/messages.ts'
import { preferred } from '../context/placement.ts'
import type { PeerContext } from '../context/peer-context.ts'
import type { CurrentView } from '../membership/current-view.ts'

interface Pending {
  dueAtMs: number
  readonly wakes: Set<() => void>
}

export class PendingChanges {
  readonly #context: PeerContext
  readonly #currentView: CurrentView
  readonly #pending = new Map<SessionKey, Pending>()

  constructor(context: PeerContext, currentView: CurrentView) {
    this.#context = context
    this.#currentView = currentView
  }

  get size(): number {
    return this.#pending.size
  }

  has(key: SessionKey): boolean {
    return this.#pending.has(key)
  }

  /** Who waits for a former change of the key waits for this one. */
  add({ key }: ReplicatedChange, now: number): void {
    const dueAtMs = now + this.#patienceMs()
    const pending = this.#pending.get(key)
    if (pending === undefined) this.#pending.set(key, { dueAtMs, wakes: new Set() })
    else pending.dueAtMs = dueAtMs
  }

  /** True when nobody had waited for it so far. */
  wait(key: SessionKey, wake: () => void): boolean {
    return this.#pending.get(key)?.wakes.add(wake).size === 1
  }

  /** Who waited does not any more. */
  leave(key: SessionKey, wake: () => void): void {
    this.#pending.get(key)?.wakes.delete(wake)
  }

  settle(key: SessionKey): void {
    const pending = this.#pending.get(key)
    this.#pending.delete(key)
    for (const wake of pending?.wakes ?? []) wake()
  }

  /** What to take in hand now. Each is due again after a while. */
  due(now: number): SessionKey[] {
    const keys: SessionKey[] = []
    for (const [key, pending] of this.#pending) {
      if (now < pending.dueAtMs) continue
      pending.dueAtMs = now + this.#patienceMs()
      keys.push(key)
    }
    return keys
  }

  installed(entries: Entries, now: number): void {
    for (const [key, pending] of this.#pending) {
      const change = entries.get(key)
      if (change !== undefined)
        pending.dueAtMs = now + (this.#isLeft(change.stamp) ? this.#turnMs(key) : this.#patienceMs())
    }
  }

  clear(): void {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    for (const { wakes } of all) for (const wake of wakes) wake()
  }

  /** Its coordinator is not full any more, or is another process than then. */
  #isLeft({ rank, view }: Stamp): boolean {
    const coordinator = this.#currentView.member(rank)
    return coordinator?.role !== 'full' || coordinator.since > view
  }

  #turnMs(key: SessionKey): number {
    const { placement, rank, timing } = this.#context
    const order = preferred(placement, placement.bucketOf(key), this.#currentView.full)
    return Math.max(order.indexOf(rank), 0) * (timing.turnMs / 2)
  }

  #patienceMs(): number {
    return this.#context.timing.replayMs * (1 + this.#context.random())
  }
}
