/**
 * Knows which node has each user's session: the node that last answered the user. With `sticky` and `clustered` all requests of
 * a session go to that node; with the other strategies any node may be the last one.
 */
import { LOGGED_OUT, type OperationEnded, type OperationKind, type TraceEvent } from '@ninelives/history'

/** Operations that have not ended; the oldest are forgotten. */
const PENDING_MAX = 10_000
const USES: ReadonlySet<string> = new Set(['login', 'put', 'read', 'count', 'logout', 'hello', 'move'])

interface Pending {
  readonly user: string
  readonly visit: number
  readonly kind: OperationKind
}

export class SessionOwners {
  readonly #pending = new Map<number, Pending>()
  /** The last node of each logged-in user. */
  readonly #owners = new Map<string, { readonly visit: number; readonly node: string; readonly atMs: number }>()

  take(event: TraceEvent): void {
    if (event.type === 'operation-sent' && USES.has(event.kind)) {
      this.#pending.set(event.op, { user: event.user, visit: event.visit, kind: event.kind })
      const oldest = this.#pending.keys().next()
      if (this.#pending.size > PENDING_MAX && !oldest.done) this.#pending.delete(oldest.value)
    }
    if (event.type !== 'operation-ended') return
    const sent = this.#pending.get(event.op)
    this.#pending.delete(event.op)
    if (sent !== undefined) this.#ended(sent, event, event.atMs)
  }

  of(user: string): string | undefined {
    return this.#owners.get(user)?.node
  }

  /** The node of a random logged-in user. */
  random(random: () => number): string | undefined {
    const owners = [...this.#owners.values()]
    return owners[Math.floor(random() * owners.length)]?.node
  }

  /** How many logged-in users got their last answer from that node, after that time. */
  usersAt(node: string, sinceMs: number): number {
    return [...this.#owners.values()].filter((owner) => owner.node === node && owner.atMs >= sinceMs).length
  }

  /** A `count` does not show a login, and a failed operation ends a session only if it says `logged-out`. */
  #ended({ user, visit, kind }: Pending, { outcome, why, node }: OperationEnded, atMs: number): void {
    const isOurs = this.#owners.get(user)?.visit === visit
    const isOver = why === LOGGED_OUT || (kind === 'logout' && outcome !== 'failed')
    if (isOver && isOurs) this.#owners.delete(user)
    if (isOver || outcome !== 'ok' || node === undefined) return
    if (isOurs || kind === 'login') this.#owners.set(user, { visit, node, atMs })
  }
}
