/**
 * Links between simulated nodes. A link is FIFO in each direction and loses nothing while it stands. A reset loses everything
 * in flight, and each end notices it at a time of its own. A direction may be blocked: messages then wait, as in TCP buffers,
 * and arrive when it heals, or are lost with the link. After a reset a link may deliver its last messages again, like a
 * transport that can't know what arrived.
 */
import type { Message } from '../../replication/wire/messages.ts'
import type { Chance } from './random.ts'
import type { Timeline } from './timeline.ts'

/** What a network does to its ends. `act` runs something on the node: later if it is paused, never if it is dead. */
export interface Ends {
  incarnation(node: number): number
  act(node: number, incarnation: number, run: () => void): void
  linked(node: number, other: number, incarnation: number): void
  unlinked(node: number, other: number): void
  receive(node: number, other: number, message: Message): void
}

interface Way {
  readonly from: number
  readonly to: number
  /** The receiving end knows of the link, and not yet of its end. */
  isOpen: boolean
  opensAtMs: number
  lastArrivalMs: number
  held: Message[]
  sent: Message[]
}

interface Link {
  readonly ends: readonly [number, number]
  readonly incarnations: readonly [number, number]
  readonly ways: readonly [Way, Way]
  isReset: boolean
}

export interface ResetOptions {
  /** The node at one end is gone, and the other end does not notice. */
  readonly isSilent?: boolean
  /** How long an end may take to notice; until then it receives what is in flight. Default 30. */
  readonly detectMs?: number
}

const RESENT_MAX = 4

export class Network {
  readonly #time: Timeline
  readonly #chance: Chance
  readonly #ends: Ends
  readonly #nodes: number
  readonly #links = new Map<number, Link>()
  readonly #blocked = new Set<number>()
  readonly #slowMs = new Map<number, number>()
  messages = 0

  constructor(nodes: number, time: Timeline, chance: Chance, ends: Ends) {
    this.#nodes = nodes
    this.#time = time
    this.#chance = chance
    this.#ends = ends
  }

  send(from: number, to: number, message: Message): void {
    const link = this.#links.get(this.#pair(from, to))
    const back = link && wayOf(link, to, from)
    // The sender sees its own end only, and sends while that is open.
    if (link === undefined || back === undefined || !back.isOpen) return
    const way = wayOf(link, from, to)
    way.sent.push(message)
    if (way.sent.length > RESENT_MAX) way.sent.shift()
    this.#carry(link, way, message)
  }

  /** Connects both ends, unless they are dead or blocked. */
  connect(left: number, right: number, resent: readonly [Message[], Message[]] = [[], []]): void {
    const pair = this.#pair(left, right)
    const [from, to] = left < right ? [left, right] : [right, left]
    const incarnations = [this.#ends.incarnation(from), this.#ends.incarnation(to)] as const
    if (incarnations.includes(0) || this.#links.has(pair) || this.isBlocked(from, to) || this.isBlocked(to, from))
      return
    const ways = [this.#way(from, to), this.#way(to, from)] as const
    const link = { ends: [from, to] as const, incarnations, ways, isReset: false }
    this.#links.set(pair, link)
    ways.forEach((way, index) => {
      this.#time.at(way.opensAtMs, () => this.#open(link, way, resent[index] ?? []))
    })
  }

  reset(left: number, right: number, options: ResetOptions = {}): void {
    const pair = this.#pair(left, right)
    const link = this.#links.get(pair)
    if (link === undefined || link.isReset) return
    link.isReset = true
    const { isSilent = false, detectMs = 30 } = options
    for (const way of link.ways) {
      if (!isSilent) this.#time.after(this.#chance.between(0, detectMs), () => this.#close(link, way))
    }
    if (!isSilent)
      this.#time.after(this.#chance.between(detectMs + 1, detectMs + 60), () => this.#reconnect(pair, link))
  }

  block(from: number, to: number): void {
    this.#blocked.add(this.#direction(from, to))
  }

  isBlocked(from: number, to: number): boolean {
    return this.#blocked.has(this.#direction(from, to))
  }

  /** Held messages arrive, or else the link is reset. */
  unblock(from: number, to: number, isLost: boolean): void {
    if (!this.#blocked.delete(this.#direction(from, to))) return
    const link = this.#links.get(this.#pair(from, to))
    if (link === undefined) return this.connect(from, to)
    const way = wayOf(link, from, to)
    const held = way.held.splice(0)
    if (isLost) this.reset(from, to)
    // At once, so before everything that was sent later and has not arrived.
    else for (const message of held) this.#arrive(link, way, message)
  }

  slow(from: number, to: number, byMs: number): void {
    this.#slowMs.set(this.#direction(from, to), byMs)
  }

  /** A node has started. */
  reconnectAll(node: number): void {
    for (let other = 0; other < this.#nodes; other++) {
      if (other === node) continue
      const pair = this.#pair(node, other)
      const link = this.#links.get(pair)
      if (link === undefined) this.connect(node, other)
      else this.#reconnect(pair, link)
    }
  }

  isUp(left: number, right: number): boolean {
    const link = this.#links.get(this.#pair(left, right))
    const isFree = !this.isBlocked(left, right) && !this.isBlocked(right, left)
    return isFree && link !== undefined && !link.isReset && link.ways.every(({ isOpen }) => isOpen)
  }

  #way(from: number, to: number): Way {
    const opensAtMs = this.#time.nowMs + this.#chance.next() * 5
    return { from, to, isOpen: false, opensAtMs, lastArrivalMs: opensAtMs, held: [], sent: [] }
  }

  #open(link: Link, way: Way, resent: readonly Message[]): void {
    const { from, to } = way
    if (link.isReset) return
    this.#ends.act(to, incarnationOf(link, to), () => {
      if (link.isReset) return
      way.isOpen = true
      this.#ends.linked(to, from, incarnationOf(link, from))
      for (const message of resent) this.#ends.receive(to, from, message)
    })
  }

  #close(link: Link, way: Way): void {
    this.#ends.act(way.to, incarnationOf(link, way.to), () => {
      if (way.isOpen) this.#ends.unlinked(way.to, way.from)
      way.isOpen = false
    })
  }

  /** A former link has ended for both before there is another. */
  #reconnect(pair: number, link: Link): void {
    if (this.#links.get(pair) !== link) return
    link.isReset = true
    const [left, right] = link.ends
    for (const way of link.ways) this.#close(link, way)
    const isOver = link.ways.every(
      (way) => !way.isOpen || this.#ends.incarnation(way.to) !== incarnationOf(link, way.to),
    )
    if (!isOver || this.isBlocked(left, right) || this.isBlocked(right, left)) {
      this.#time.after(this.#chance.between(20, 60), () => this.#reconnect(pair, link))
      return
    }
    this.#links.delete(pair)
    const isSame = link.ends.every((end, index) => this.#ends.incarnation(end) === link.incarnations[index])
    const again = isSame && this.#chance.hit(0.3)
    this.connect(left, right, again ? [link.ways[0].sent, link.ways[1].sent] : [[], []])
  }

  #carry(link: Link, way: Way, message: Message): void {
    const direction = this.#direction(way.from, way.to)
    this.messages++
    const slowMs = this.#slowMs.get(direction) ?? 0
    const delayMs = 0.1 + this.#chance.next() * (this.#chance.hit(0.02) ? 25 : 1.5) + this.#chance.next() * slowMs
    way.lastArrivalMs = Math.max(way.lastArrivalMs, this.#time.nowMs + delayMs)
    this.#time.at(way.lastArrivalMs, () => this.#arrive(link, way, message))
  }

  #arrive(link: Link, way: Way, message: Message): void {
    if (this.#blocked.size > 0 && this.#blocked.has(this.#direction(way.from, way.to))) {
      way.held.push(message)
      return
    }
    this.#ends.act(way.to, incarnationOf(link, way.to), () => {
      if (way.isOpen) this.#ends.receive(way.to, way.from, message)
    })
  }

  #pair(left: number, right: number): number {
    return left < right ? left * this.#nodes + right : right * this.#nodes + left
  }

  #direction(from: number, to: number): number {
    return from * this.#nodes + to
  }
}

function wayOf(link: Link, from: number, to: number): Way {
  return link.ways[from < to ? 0 : 1]
}

function incarnationOf(link: Link, node: number): number {
  return link.incarnations[link.ends[0] === node ? 0 : 1]
}
