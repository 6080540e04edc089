/**
 * Whether this peer is awake or quiet. An awake peer sends heartbeats, so it holds the lease, and it takes a silent peer for
 * dead. A quiet peer sends none, holds no lease and suspects no silence: it answers, and learns of a death by the end of a link.
 *
 * A peer wakes for a verb, and when anything about its membership is open. It is quiet again once it was not used for
 * `awakeMs` and nothing is open. Each peer decides that for itself, and safety does not depend on it: a read and a commit
 * need the lease, and only the echoes of a majority make one.
 */
import type { PeerContext } from '../context/peer-context.ts'

export interface WakeHooks {
  /** Nothing is under way at this peer, and nothing about its membership is open. */
  readonly isAtRest: (now: number) => boolean
  readonly woke: (now: number) => void
  readonly quiet: () => void
}

export class Wakefulness {
  readonly #context: PeerContext
  readonly #hooks: WakeHooks
  #awakeSinceMs = Infinity
  #usedAtMs = Number.NEGATIVE_INFINITY

  constructor(context: PeerContext, hooks: WakeHooks) {
    this.#context = context
    this.#hooks = hooks
  }

  /** Infinity while it is quiet. */
  get awakeSinceMs(): number {
    return this.#awakeSinceMs
  }

  get isAwake(): boolean {
    return this.#awakeSinceMs < Infinity
  }

  use(now: number): void {
    this.#usedAtMs = now
    this.#wake(now)
  }

  /** After each message about the membership. */
  look(now: number): void {
    if (!this.isAwake && !this.#hooks.isAtRest(now)) this.#wake(now)
  }

  tick(now: number): void {
    if (!this.isAwake || now - this.#usedAtMs < this.#context.timing.awakeMs || !this.#hooks.isAtRest(now)) return
    this.#awakeSinceMs = Infinity
    this.#hooks.quiet()
  }

  #wake(now: number): void {
    if (this.isAwake) return
    this.#awakeSinceMs = now
    this.#hooks.woke(now)
  }
}
