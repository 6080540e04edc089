/**
 * The keys whose last change is pending here, the readers that wait for them, and when this replica drives such a change on:
 * at once, in turn, when its coordinator is gone; after `replayMs` otherwise.
 */
import type { SessionKey } from '../../contract.ts'
import type { PeerContext } from '../context/peer-context.ts'
import { preferred } from '../context/placement.ts'
import type { CurrentView } from '../membership/current-view.ts'
import type { ReplicatedChange, Stamp } from '../wire/messages.ts'
import type { Entries } from './entries.ts'

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

  /** Those that wait for a former change of the key go on waiting, for this one. */
  add({ key }: ReplicatedChange, now: number): void {
    const dueAtMs = now + this.#replayMs()
    this.#context.due(dueAtMs)
    const pending = this.#pending.get(key)
    if (pending === undefined) this.#pending.set(key, { dueAtMs, wakes: new Set() })
    else pending.dueAtMs = dueAtMs
  }

  /** True for the first that waits. */
  wait(key: SessionKey, wake: () => void): boolean {
    return this.#pending.get(key)?.wakes.add(wake).size === 1
  }

  /** Ends a wait. */
  leave(key: SessionKey, wake: () => void): void {
    this.#pending.get(key)?.wakes.delete(wake)
  }

  settle(key: SessionKey): void {
    const pending = this.#pending.get(key)
    this.#pending.delete(key)
    for (const wake of pending?.wakes ?? []) wake()
  }

  /** The keys to drive on now. Each is due again after `replayMs`. */
  due(now: number): SessionKey[] {
    const keys: SessionKey[] = []
    for (const [key, pending] of this.#pending) {
      if (now >= pending.dueAtMs) {
        pending.dueAtMs = now + this.#replayMs()
        keys.push(key)
      }
      this.#context.due(pending.dueAtMs)
    }
    return keys
  }

  installed(entries: Entries, now: number): void {
    for (const [key, pending] of this.#pending) {
      const change = entries.get(key)
      if (change === undefined) continue
      pending.dueAtMs = now + (this.#isLeft(change.stamp) ? this.#turnMs(key) : this.#replayMs())
      this.#context.due(pending.dueAtMs)
    }
  }

  clear(): void {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    for (const { wakes } of all) for (const wake of wakes) wake()
  }

  /** The coordinator is not full any more, or another process has its name. */
  #isLeft({ rank, view }: Stamp): boolean {
    const coordinator = this.#currentView.member(rank)
    return coordinator?.role !== 'full' || coordinator.since > view
  }

  #turnMs(key: SessionKey): number {
    const { placement, rank, timing } = this.#context
    const order = preferred(placement, placement.bucketOf(key), this.#currentView.full)
    return Math.max(order.indexOf(rank), 0) * (timing.turnMs / 2)
  }

  #replayMs(): number {
    return this.#context.timing.replayMs * (1 + this.#context.random())
  }
}
