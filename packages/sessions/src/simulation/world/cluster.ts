/** Simulated processes: each has a peer and clocks that drift, and may crash at any step and restart. */
import type { Message } from '../../replication/wire/messages.ts'
import { QUIET_VERSION } from '../../replication/context/linked-peer.ts'
import type { peer, Peer, PeerEvent } from '../../replication/replica/peer.ts'
import type { Timing } from '../../replication/context/timing.ts'
import { Network, type ResetOptions } from './network.ts'
import { type Chance, chance } from './random.ts'
import type { Move, Script } from './script.ts'
import { Timeline } from './timeline.ts'

interface Node {
  readonly name: string
  peer: Peer | undefined
  incarnation: number
  /** In virtual time; the end is past when it runs. */
  pausedAtMs: number
  pausedUntilMs: number
  backlog: (() => void)[]
  /** Counts the timers that were set: only the last one ticks. */
  timer: number
  /** How many messages it still sends before it dies; undefined while it lives on. */
  sendsLeft: number | undefined
  /** It is closed, and dies, at the end of a step in which it sends a change. */
  closing: 'waits' | 'due' | undefined
  dies: (() => void) | undefined
}

export interface ClusterEngine {
  readonly makePeer: typeof peer
  readonly timing: Timing
}

export interface ClusterHooks {
  readonly event: (node: number, event: PeerEvent) => void
  readonly crashed: (node: number) => void
  readonly failed: (what: string) => void
}

export interface Death {
  /** By node, how long after the death it is proven to that node. */
  readonly provenMs: readonly (number | undefined)[]
  /** If it may not die by then, it loses its links and what is in flight on them instead. */
  readonly mayDie: () => boolean
  readonly after: () => void
}

export interface Crash extends Death {
  readonly sends: number
  /** The others' links don't end. */
  readonly isSilent: boolean
}

/** The true wall clock at virtual time 0. */
export const EPOCH_MS = 1_700_000_000_000
/** The links of a process that was closed end soon after what it said last. */
const CLOSED_WITHIN_MS = 5
const NOT_DYING = { dies: undefined, sendsLeft: undefined, closing: undefined }

export class Cluster {
  readonly time = new Timeline()
  readonly network: Network
  readonly #script: Script
  readonly #chance: Chance
  readonly #hooks: ClusterHooks
  readonly #engine: ClusterEngine
  readonly #nodes: Node[]

  constructor(script: Script, engine: ClusterEngine, hooks: ClusterHooks) {
    this.#script = script
    this.#chance = chance(script.seed ^ 0x5eed)
    this.#hooks = hooks
    this.#engine = engine
    this.#nodes = Array.from({ length: script.nodes }, (_, node) => ({
      name: `n${node}`,
      peer: undefined,
      incarnation: 0,
      pausedAtMs: 0,
      pausedUntilMs: 0,
      backlog: [],
      timer: 0,
      ...NOT_DYING,
    }))
    this.network = new Network(script.nodes, this.time, this.#chance, {
      incarnation: (node) => this.#of(node).incarnation,
      act: (node, incarnation, run) => this.#act(node, incarnation, run),
      linked: (node, other, incarnation) =>
        this.#of(node).peer?.linked(`n${other}`, { incarnation, version: QUIET_VERSION }),
      unlinked: (node, other) => this.#of(node).peer?.unlinked(`n${other}`),
      receive: (node, other, message) => this.#of(node).peer?.receive(`n${other}`, message),
    })
    script.startsMs.forEach((atMs, node) => this.time.at(atMs, () => this.start(node)))
  }

  incarnation(node: number): number {
    return this.#of(node).incarnation
  }

  peer(node: number): Peer | undefined {
    return this.#of(node).peer
  }

  isPaused(node: number): boolean {
    return this.#of(node).pausedUntilMs > this.time.nowMs
  }

  /** For how long it has been paused. */
  pausedMs(node: number): number {
    return this.isPaused(node) ? this.time.nowMs - this.#of(node).pausedAtMs : 0
  }

  /** The true wall clock now; that of each node is off by some milliseconds. */
  wallMs(): number {
    return EPOCH_MS + this.time.nowMs
  }

  wallOf(node: number): number {
    return Math.floor(this.wallMs() + (this.#script.skewsMs[node] ?? 0))
  }

  start(node: number): void {
    const self = this.#of(node)
    if (self.incarnation !== 0) return
    const incarnation = this.#chance.between(1, 2 ** 31)
    const offsetMs = this.#chance.between(0, 1_000_000)
    const rate = this.#script.rates[node] ?? 1
    Object.assign(self, { incarnation, pausedUntilMs: 0, backlog: [], ...NOT_DYING })
    const { makePeer, timing } = this.#engine
    const { founders } = this.#script
    self.peer = makePeer(
      {
        names: this.#nodes.map(({ name }) => name),
        name: self.name,
        ...(founders === undefined ? {} : { founders: this.#nodes.slice(0, founders).map((each) => each.name) }),
        incarnation,
        copies: this.#script.copies,
        clock: { monotonicMs: () => offsetMs + this.time.nowMs * rate, wallMs: () => this.wallOf(node) },
        random: () => this.#chance.next(),
        send: (to, message) => this.#send(node, incarnation, Number(to.slice(1)), message),
        onDue: (atMs) => this.#tickAt(node, incarnation, (atMs - offsetMs) / rate),
        onEvent: (event) => this.#hooks.event(node, event),
      },
      { timing },
    )
    this.network.reconnectAll(node)
    this.#tickAt(node, incarnation, this.time.nowMs)
  }

  /** The process dies after it has sent so many more messages. */
  crash(node: number, { sends, isSilent, ...death }: Crash): void {
    const self = this.#of(node)
    if (self.incarnation === 0 || self.dies !== undefined) return
    self.dies = () => this.#die(node, death, { isSilent })
    if (sends === 0 || this.isPaused(node)) self.dies()
    else self.sendsLeft = sends
  }

  /** The process is closed once it has sent its next change, of its own or for another node, and then dies. */
  close(node: number, death: Death): void {
    const self = this.#of(node)
    if (self.incarnation === 0 || self.dies !== undefined) return
    self.closing = 'waits'
    self.dies = () => this.#die(node, death, { detectMs: CLOSED_WITHIN_MS }, (peer) => peer.close())
  }

  pause(node: number, forMs: number): void {
    const self = this.#of(node)
    if (self.incarnation === 0) return
    if (!this.isPaused(node)) self.pausedAtMs = this.time.nowMs
    self.pausedUntilMs = Math.max(self.pausedUntilMs, this.time.nowMs + forMs)
    const { incarnation } = self
    this.time.at(self.pausedUntilMs, () => this.#resume(node, incarnation))
  }

  /** Ends a pause, and cancels a crash that was to come. */
  spare(node: number): void {
    const self = this.#of(node)
    Object.assign(self, NOT_DYING)
    if (self.incarnation === 0 || !this.isPaused(node)) return
    self.pausedUntilMs = this.time.nowMs
    this.#resume(node, self.incarnation)
  }

  /** Asks one node after the other, from the move's on, until one of them begins the change. */
  move(move: Move, asked = move.asked): void {
    const { nodes } = this.#script
    if (asked >= move.asked + nodes) return
    const next = (refusal: string | undefined): void => {
      if (refusal !== undefined) this.move(move, asked + 1)
    }
    const node = asked % nodes
    if (this.incarnation(node) === 0 || this.isPaused(node)) return next('it does not run')
    const name = `n${move.node}`
    const isGone = this.incarnation(move.node) === 0
    const { change } = move
    this.onNode(node, (peer) =>
      peer.changeMembers(change === 'add' ? { change, name } : { change, name, isGone }, next),
    )
  }

  /** Runs it on the node: later when it is paused, never when that process is gone. */
  onNode(node: number, run: (peer: Peer) => void): void {
    const { incarnation } = this.#of(node)
    if (incarnation === 0) return
    this.#act(node, incarnation, () => {
      const { peer } = this.#of(node)
      if (peer !== undefined) run(peer)
    })
  }

  #die(node: number, { provenMs, mayDie, after }: Death, reset: ResetOptions, last?: (peer: Peer) => void): void {
    const self = this.#of(node)
    Object.assign(self, NOT_DYING)
    if (!mayDie()) return this.#resetLinks(node)
    if (last !== undefined) this.onNode(node, last)
    this.#prove(node, self.incarnation, provenMs)
    Object.assign(self, { peer: undefined, incarnation: 0, backlog: [] })
    this.#resetLinks(node, reset)
    this.#hooks.crashed(node)
    after()
  }

  #prove(dead: number, incarnation: number, provenMs: readonly (number | undefined)[]): void {
    provenMs.forEach((afterMs, node) => {
      if (node === dead || afterMs === undefined) return
      const { incarnation: told } = this.#of(node)
      this.time.after(afterMs, () => this.#act(node, told, () => this.#of(node).peer?.ended(`n${dead}`, incarnation)))
    })
  }

  #resetLinks(node: number, options: ResetOptions = {}): void {
    for (let other = 0; other < this.#nodes.length; other++) {
      if (other !== node) this.network.reset(node, other, options)
    }
  }

  #of(node: number): Node {
    return this.#nodes[node] as Node
  }

  #act(node: number, incarnation: number, run: () => void): void {
    const self = this.#of(node)
    if (self.incarnation !== incarnation) return
    if (self.pausedUntilMs > this.time.nowMs) {
      self.backlog.push(run)
      return
    }
    try {
      run()
    } catch (error) {
      this.#hooks.failed(
        `node ${node} threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
    }
    const isDying = self.closing === 'due' || (self.sendsLeft !== undefined && self.sendsLeft <= 0)
    if (isDying) self.dies?.()
  }

  /** What arrived meanwhile is delivered at once; a tick that was due may come before it. */
  #resume(node: number, incarnation: number): void {
    const self = this.#of(node)
    if (self.incarnation !== incarnation || self.pausedUntilMs > this.time.nowMs) return
    const backlog = self.backlog.splice(0)
    if (this.#chance.hit(0.5)) this.#act(node, incarnation, () => self.peer?.tick())
    for (const run of backlog) this.#act(node, incarnation, run)
  }

  /** Its next tick is then, and not at the instant that was said before. A timer is late, and waits for the end of a pause. */
  #tickAt(node: number, incarnation: number, atMs: number): void {
    const self = this.#of(node)
    const timer = ++self.timer
    if (atMs === Infinity) return
    const lateMs = this.#chance.hit(0.02) ? this.#chance.between(0, 40) : this.#chance.next()
    this.time.at(Math.max(atMs, this.time.nowMs) + lateMs, () => {
      if (self.timer === timer) this.#act(node, incarnation, () => self.peer?.tick())
    })
  }

  #send(node: number, incarnation: number, to: number, message: Message): void {
    const self = this.#of(node)
    if (self.incarnation !== incarnation) return
    if (self.sendsLeft !== undefined && self.sendsLeft-- <= 0) return
    if (self.closing === 'waits' && message.type === 'invalidate') self.closing = 'due'
    this.network.send(node, to, message)
  }
}
