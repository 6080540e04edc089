/** Peers of a mesh without sockets, with one clock that a test moves. */
import type { Message } from '../../../src/replication/wire/messages.ts'
import { peer, type Peer, type PeerEvent, type PeerOptions, TICK_MS } from '../../../src/replication/replica/peer.ts'
import { standardTiming } from '../../../src/replication/context/timing.ts'

/** All clocks are one, every message takes a step, and a step is a tick. */
export class LocalMesh {
  nowMs = 1_000_000
  readonly peers = new Map<string, Peer>()
  readonly events: PeerEvent[] = []
  readonly #mail: { from: string; to: string; message: Message }[] = []
  readonly #away = new Set<string>()
  /** Messages of these kinds do not arrive. */
  readonly lost = new Set<Message['type']>()
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
        send: (to, message) => this.#mail.push({ from: name, to, message }),
        onEvent: (event) => this.events.push(event),
        ...options,
      },
      { timing: { ...standardTiming, buckets: 16 } },
    )
    for (const [other, otherPeer] of this.peers) {
      started.linked(other, Number(this.#incarnations.get(other)))
      otherPeer.linked(name, incarnation)
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
    for (const [name, each] of this.peers) if (!this.#away.has(name)) each.tick()
    for (let round = 0; round < 8; round++) {
      for (const { from, to, message } of this.#mail.splice(0)) {
        if (this.#away.has(to) || !this.peers.has(from) || this.lost.has(message.type)) continue
        this.peers.get(to)?.receive(from, message)
      }
    }
  }
}
