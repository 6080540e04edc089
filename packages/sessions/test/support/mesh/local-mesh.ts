/** Peers of a mesh without sockets, with one clock that a test moves. */
import type { Message } from '../../../src/replication/wire/messages.ts'
import { QUIET_VERSION } from '../../../src/replication/context/linked-peer.ts'
import { peer, type Peer, type PeerEvent, type PeerOptions } from '../../../src/replication/replica/peer.ts'
import { standardTiming, TICK_MS } from '../../../src/replication/context/timing.ts'

interface Mail {
  readonly from: string
  readonly to: string
  readonly message: Message
}

/** Enough for tests. */
export const BUCKETS = 16

/** All clocks are one, every message takes a step, and each peer ticks at the step at which it is due. */
export class LocalMesh {
  nowMs = 1_000_000
  readonly peers = new Map<string, Peer>()
  readonly events: PeerEvent[] = []
  readonly #mail: Mail[] = []
  readonly #waiting: Mail[] = []
  readonly #away = new Set<string>()
  readonly #dueAtMs = new Map<string, number>()
  /** Messages of these kinds do not arrive. */
  readonly lost = new Set<Message['type']>()
  /** Messages of these kinds wait until the set has them no more. */
  readonly held = new Set<Message['type']>()
  /** Of every message that was sent, in order. */
  readonly sent: { readonly from: string; readonly message: Message }[] = []
  /** Of the protocol, on every link. */
  version = QUIET_VERSION
  readonly names: readonly string[]

  constructor(names: readonly string[]) {
    this.names = names
  }

  start(name: string, options: Partial<PeerOptions> = {}): Peer {
    const incarnation = 1 + this.peers.size + this.nowMs
    const started = peer(
      {
        names: this.names,
        name,
        incarnation,
        copies: 'all',
        clock: { monotonicMs: () => this.nowMs, wallMs: () => this.nowMs },
        random: () => 0.5,
        send: (to, message) => {
          this.sent.push({ from: name, message })
          this.#mail.push({ from: name, to, message })
        },
        onDue: (atMs) => this.#dueAtMs.set(name, atMs),
        onEvent: (event) => this.events.push(event),
        ...options,
      },
      { timing: { ...standardTiming, buckets: BUCKETS } },
    )
    for (const [other, otherPeer] of this.peers) {
      started.linked(other, { incarnation: Number(this.#incarnations.get(other)), version: this.version })
      otherPeer.linked(name, { incarnation, version: this.version })
    }
    this.#incarnations.set(name, incarnation)
    this.peers.set(name, started)
    return started
  }

  readonly #incarnations = new Map<string, number>()

  /** It hears nothing and does nothing, and its links stay. */
  stop(name: string): void {
    this.#away.add(name)
  }

  /** The others lose their links to it, and `provenTo` learn that it has ended. */
  kill(name: string, provenTo: readonly string[] = []): void {
    this.peers.delete(name)
    for (const other of this.peers.values()) other.unlinked(name)
    this.prove(name, provenTo)
  }

  prove(name: string, to: readonly string[]): void {
    for (const other of to) this.peers.get(other)?.ended(name, Number(this.#incarnations.get(name)))
  }

  run(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += TICK_MS) this.#step()
  }

  #step(): void {
    for (const [name, each] of this.peers) {
      if (!this.#away.has(name) && this.nowMs >= (this.#dueAtMs.get(name) ?? 0)) each.tick()
    }
    this.#mail.unshift(...this.#waiting.splice(0))
    for (let round = 0; round < 8; round++) {
      for (const each of this.#mail.splice(0)) {
        const { from, to, message } = each
        if (this.held.has(message.type)) {
          this.#waiting.push(each)
          continue
        }
        if (this.#away.has(to) || !this.peers.has(from) || this.lost.has(message.type)) continue
        this.peers.get(to)?.receive(from, message)
      }
    }
  }
}
