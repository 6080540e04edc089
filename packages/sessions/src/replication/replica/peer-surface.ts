/** The interface of a peer: its options, its verbs and its status. */
import type { Ack, MembersStatus, SessionKey, SessionRecord, WriteResult } from '../../contract.ts'
import type { MeshClock, PeerEvent } from '../context/peer-context.ts'
import type { LinkedPeer } from '../context/linked-peer.ts'
import type { HeldChange, Message, VerbOutcome, View } from '../wire/messages.ts'

export interface PeerOptions {
  /** Of all peers, this one included; the same set everywhere, in any order. At most NAMES_MAX. */
  readonly names: readonly string[]
  readonly name: string
  /** The names that found a mesh, where others may be added and removed later. Undefined: all names, and they stay. */
  readonly founders?: readonly string[] | undefined
  /** Drawn at random at each start of the process: a whole number from 1 to 2 ** 48 - 1. */
  readonly incarnation: number
  /** How many replicas a record has besides the first. `all`: every peer is one. */
  readonly copies: 'all' | number
  readonly clock: MeshClock
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number
  /**
   * Hands a message to the link to that peer; without a link it is dropped. Must not call back into the peer before it
   * returns, must not throw, and must not keep order between two links, only within one.
   */
  readonly send: (to: string, message: Message) => void
  /** Called when `tick` is due at another instant of the monotonic clock than it was said before; `Infinity`: not at all. */
  readonly onDue: (atMs: number) => void
  /** The most records and fences that this peer holds. Default 1,000,000. */
  readonly recordsMax?: number
  readonly onEvent?: (event: PeerEvent) => void
}

export type Done<T> = (outcome: VerbOutcome<T>) => void

/** Every verb calls its `done` exactly once, within `timing.verbMs`, perhaps before it returns. */
export interface Peer {
  /** A link to that peer, with that incarnation, is up. A former link to the same name has ended. */
  linked(name: string, at: LinkedPeer): void
  /** The link is gone. No message of it arrives any more. */
  unlinked(name: string): void
  /** That process is gone, and serves nothing any more. Not to be concluded from the end of a link, or from silence. */
  ended(name: string, incarnation: number): void
  receive(name: string, message: Message): void
  /**
   * To be called when it is due, and once at the start. Early ticks do no harm; late ones cost availability, never
   * correctness.
   */
  tick(): void
  /** Since when silence on a link is a fault; Infinity while this peer is quiet. */
  readonly awakeSinceMs: number

  read(key: SessionKey, done: Done<SessionRecord | undefined>): void
  write(
    key: SessionKey,
    write: { readonly expectedVersion: number; readonly expiresAtMs: number; readonly body: string; readonly ack: Ack },
    done: Done<WriteResult>,
  ): void
  touch(key: SessionKey, expiresAtMs: number, done: Done<boolean>): void
  destroy(key: SessionKey, options: { readonly fenceUntilMs: number; readonly ack: Ack }, done: Done<boolean>): void

  /**
   * Adds or removes a member; calls `done` once: when a view has begun it, or with the reason why none has. The members complete
   * it: an added one counts once it has every session.
   */
  changeMembers(change: MembersWish, done: (refusal: string | undefined) => void): void

  status(): PeerStatus
  /** What this peer holds, committed or not, expired or not: to compare copies, never to serve from. */
  held(key: SessionKey): HeldChange | undefined
  /** Refuses every verb under way and all that follow. The other replicas may still commit a change that was begun. */
  close(): void
}

export type MembersWish =
  | { readonly change: 'add'; readonly name: string }
  /** `isGone`: no process of that name runs, and none is to agree. */
  | { readonly change: 'remove'; readonly name: string; readonly isGone: boolean }

export interface PeerStatus {
  /** Verbs are carried out now: from this peer's own memory, or by calling a full one. */
  readonly serves: boolean
  /** One line for an operator while it does not serve. */
  readonly misses: string | undefined
  readonly role: 'full' | 'joining' | 'out' | 'none'
  readonly lease: boolean
  /** Sends no heartbeats, because no session is read or changed. */
  readonly quiet: boolean
  readonly view: View | undefined
  /** Undefined in a fixed mesh. */
  readonly members: MembersStatus | undefined
  /** Sessions in this peer's memory, without fences and other records. */
  readonly sessions: number
  readonly records: number
  /** Pending changes. */
  readonly pending: number
  /** Records that digests found different in more than a touch since the start. */
  readonly repaired: number
}
