/**
 * Which node has the session of whom. With `sticky` and `clustered` each session has a node that its requests go to, and that
 * node is the one that answered last; where any node may answer, it is whoever did.
 */
import type { TraceEvent } from '@ninelives/history'

/** Operations whose end nobody has heard of yet; the oldest are forgotten. */
const PENDING_MAX = 10_000
const USES: ReadonlySet<string> = new Set(['login', 'put', 'read', 'count', 'logout'])

export class SessionOwners {
  readonly #pending = new Map<number, { readonly user: string; readonly ends: boolean }>()
  readonly #owners = new Map<string, string>()

  take(event: TraceEvent): void {
    if (event.type === 'operation-sent' && USES.has(event.kind)) {
      this.#pending.set(event.op, { user: event.user, ends: event.kind === 'logout' })
      const oldest = this.#pending.keys().next()
      if (this.#pending.size > PENDING_MAX && !oldest.done) this.#pending.delete(oldest.value)
    }
    if (event.type !== 'operation-ended') return
    const sent = this.#pending.get(event.op)
    this.#pending.delete(event.op)
    if (sent === undefined) return
    if (event.outcome !== 'ok' || sent.ends) this.#owners.delete(sent.user)
    else if (event.node !== undefined) this.#owners.set(sent.user, event.node)
  }

  of(user: string): string | undefined {
    return this.#owners.get(user)
  }

  /** Of somebody who is logged in. */
  random(random: () => number): string | undefined {
    const owners = [...this.#owners.values()]
    return owners[Math.floor(random() * owners.length)]
  }
}
