/**
 * Where requests wait while no node is up. Bounded in number, in bytes that they hold and in time, and left in order: of each session
 * one request at a time goes, once the one before it is over, so that what a user did first is done first.
 *
 * A request that comes while others of its session still wait goes behind them, even if a node is up again.
 */
import type { Metrics } from './metrics.ts'

export interface RoomGuest {
  /** Undefined where there is none: it goes as soon as there is anywhere to go. */
  readonly session: string | undefined
  readonly heldBytes: number
  /** There is a node, and its turn has come. */
  released(): void
  /** It has waited for as long as it may. */
  gaveUp(): void
}

export interface RoomLimits {
  readonly waitMax: number
  readonly waitBytesMax: number
  readonly waitMs: number
}

interface Stay {
  readonly guest: RoomGuest
  readonly sinceMs: number
  readonly bytes: number
}

export class WaitingRoom {
  readonly #limits: RoomLimits
  readonly #metrics: Pick<Metrics, 'queued'>
  readonly #now: () => number
  /** In the order in which they came. */
  #stays = new Map<RoomGuest, Stay>()
  /** Sessions of which a request that was released is under way, while others of theirs wait. */
  readonly #underWay = new Map<string, RoomGuest>()
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(limits: RoomLimits, metrics: Pick<Metrics, 'queued'>, now: () => number) {
    this.#limits = limits
    this.#metrics = metrics
    this.#now = now
  }

  get length(): number {
    return this.#stays.size
  }

  /** Whether others of its session were here first. */
  isBehind({ session }: RoomGuest): boolean {
    if (session === undefined || this.#stays.size === 0) return false
    for (const { guest } of this.#stays.values()) if (guest.session === session) return true
    return false
  }

  /** False: there is no room. One that comes back, because the node that it went to died as well, is first again. */
  join(guest: RoomGuest, sinceMs: number): boolean {
    const { waitMax, waitBytesMax, waitMs } = this.#limits
    const { session, heldBytes: bytes } = guest
    const leftMs = sinceMs + waitMs - this.#now()
    if (this.#stays.size >= waitMax || this.#bytes + bytes > waitBytesMax || leftMs <= 0) {
      this.#metrics.queued('refused', 0)
      return false
    }
    const stay = { guest, sinceMs, bytes }
    if (session !== undefined && this.#underWay.get(session) === guest) {
      this.#underWay.delete(session)
      this.#stays = new Map([[guest, stay], ...this.#stays])
    } else {
      this.#stays.set(guest, stay)
    }
    this.#bytes += bytes
    this.#timer ??= setTimeout(() => this.#expire(), leftMs)
    return true
  }

  /** Its client is gone. */
  leave(guest: RoomGuest): void {
    this.#take(guest, 'client-left')
  }

  /** A node is up. */
  open(): void {
    // Who finds nobody after all comes back, and is not asked again.
    const stays = [...this.#stays.values()]
    for (const { guest } of stays) {
      const { session } = guest
      if (session !== undefined && this.#underWay.has(session)) continue
      this.#release(guest)
    }
  }

  /** A guest that was released is over: the next of its session goes. */
  over(guest: RoomGuest): void {
    const { session } = guest
    if (session === undefined || this.#underWay.get(session) !== guest) return
    this.#underWay.delete(session)
    for (const { guest: next } of this.#stays.values()) {
      if (next.session === session) return this.#release(next)
    }
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #release(guest: RoomGuest): void {
    if (!this.#take(guest, 'served')) return
    if (guest.session !== undefined) this.#underWay.set(guest.session, guest)
    guest.released()
  }

  #take(guest: RoomGuest, outcome: Parameters<Metrics['queued']>[0]): boolean {
    const stay = this.#stays.get(guest)
    if (stay === undefined) return false
    this.#stays.delete(guest)
    this.#bytes -= stay.bytes
    this.#metrics.queued(outcome, this.#now() - stay.sinceMs)
    return true
  }

  #expire(): void {
    this.#timer = undefined
    const { waitMs } = this.#limits
    const nowMs = this.#now()
    const late: RoomGuest[] = []
    let nextMs = waitMs
    for (const { guest, sinceMs } of this.#stays.values()) {
      const leftMs = sinceMs + waitMs - nowMs
      if (leftMs <= 0) late.push(guest)
      else nextMs = Math.min(nextMs, leftMs)
    }
    for (const guest of late) this.#take(guest, 'expired')
    if (this.#stays.size > 0) this.#timer = setTimeout(() => this.#expire(), Math.max(1, nextMs))
    for (const guest of late) guest.gaveUp()
  }
}
