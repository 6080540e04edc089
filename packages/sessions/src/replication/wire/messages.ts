/**
 * The messages of the protocol; see PROTOCOL.md. A message is plain data with a `type`; the codec turns it into bytes.
 *
 * A link is FIFO while it stands, and may lose everything in flight when it ends. The engine sends again what has no answer
 * yet, so a message may arrive twice.
 *
 * A peer is named by its *rank*: the index of its name in the sorted list of all names, the same everywhere. `view` in a
 * message is the number of the sender's view. The sender's heartbeats say which cluster it belongs to; on a FIFO link all
 * that follows a heartbeat belongs to the same cluster.
 */
import type { Ack, SessionKey, SessionRecord, WriteResult } from '../../contract.ts'

/** Names one change: no two changes have the same stamp. Ordered by view, then counter, then rank. */
export interface Stamp {
  /** The number of the view in which the change was begun. */
  readonly view: number
  readonly counter: number
  /** Of the coordinator. */
  readonly rank: number
}

/** A record, or the fence of a destroyed one, with the stamp of the change that made it. */
export interface ReplicatedChange {
  readonly key: SessionKey
  readonly stamp: Stamp
  /** 0 for a fence. */
  readonly version: number
  /** When the record expires, or the fence ends: wall clock. */
  readonly untilMs: number
  /** Undefined for a fence. */
  readonly body: string | undefined
}

/** `full`: has every acknowledged change of its buckets. `joining`: receives new ones, fetches older ones. `out`: only votes. */
export type ViewRole = 'full' | 'joining' | 'out'

export interface ViewMember {
  readonly rank: number
  readonly incarnation: number
  readonly role: ViewRole
  /** The number of the view in which it got this role. */
  readonly since: number
}

export interface View {
  /** Drawn at random when a mesh is founded. Views of two clusters have nothing to do with each other. */
  readonly cluster: number
  readonly number: number
  /** By rank; a name that was never seen is missing. */
  readonly members: readonly ViewMember[]
  /** Undefined in a fixed mesh: there a majority is one of all names. */
  readonly electorate?: Electorate | undefined
}

/** Of a mesh whose members may change. Sets of ranks, which have nothing in common; at most one name is added or removed at a time. */
export interface Electorate {
  /** A majority is one of these names. */
  readonly counted: number
  /** Joins, and does not count before it is full. */
  readonly adding: number
  /** Does not count any more, and is to know that. */
  readonly removing: number
}

/** "I live", every `heartbeatMs` while the sender is awake. */
export interface Heartbeat {
  readonly type: 'heartbeat'
  /** Of the sender's view; 0 while it has none. */
  readonly cluster: number
  readonly view: number
  /** The sender's monotonic clock, given back in the echo. Not a whole number. */
  readonly atMs: number
  /** The ranks that the sender hears: bit `1 << rank`. */
  readonly hears: number
  /** The sender is joining in this view and has all that it needs to be full. */
  readonly ready: boolean
}

/** Answers a heartbeat while the sender of the echo is promised to no later view. Leases are made of echoes. */
export interface Echo {
  readonly type: 'echo'
  readonly cluster: number
  readonly view: number
  /** From the heartbeat. */
  readonly atMs: number
}

/** This view was decided. */
export interface Decided {
  readonly type: 'decided'
  readonly view: View
  /**
   * By rank, the shortest time since a voter that promised has echoed it, or more than a guard when its process has ended.
   * Undefined where unknown: perhaps just now.
   */
  readonly quietMs?: readonly number[] | undefined
}

/** Asks for a promise to the ballot for the view that follows `base`. Undefined: for the first view of a new cluster. */
export interface Prepare {
  readonly type: 'prepare'
  readonly ballot: number
  readonly base: View | undefined
  /** By rank, the incarnations that are there, where every name (or a founding majority) has to agree; 0 for none. */
  readonly present: readonly number[] | undefined
}

export interface PromiseMade {
  readonly type: 'promise'
  readonly ballot: number
  /** Of the base: 0 and 0 when there is none. */
  readonly cluster: number
  readonly number: number
  readonly accepted: { readonly ballot: number; readonly view: View } | undefined
  /** By rank, how long ago the voter last echoed it. From now on it echoes none. */
  readonly quietMs: readonly number[]
  /** The ranks whose process, as the base lists it, is known to have ended. Former programs don't say. */
  readonly ended?: number | undefined
}

/** Asks to accept `view`, which follows the base. */
export interface Accept {
  readonly type: 'accept'
  readonly ballot: number
  readonly cluster: number
  readonly number: number
  readonly view: View
}

export interface Accepted {
  readonly type: 'accepted'
  readonly ballot: number
  readonly cluster: number
  readonly number: number
}

/** A change on its way to every live replica. HOT */
export interface Invalidate {
  readonly type: 'invalidate'
  readonly view: number
  /** The coordinator's number for it, given back in the answer. */
  readonly op: number
  readonly change: ReplicatedChange
}

/** The sender holds the change, and is promised to no later view: an echo, too. HOT */
export interface InvalidateAck {
  readonly type: 'ack'
  readonly view: number
  readonly op: number
}

/** The replica has a later change, which comes along. */
export interface InvalidateNack {
  readonly type: 'nack'
  readonly view: number
  readonly op: number
  readonly change: ReplicatedChange
  /** That change is known to be committed. */
  readonly isCommitted: boolean
}

/** The change of that stamp is committed. HOT */
export interface Validate {
  readonly type: 'validate'
  readonly key: SessionKey
  readonly stamp: Stamp
}

/** A reader waits for that change: is it committed? */
export interface QueryCommit {
  readonly type: 'query-commit'
  readonly key: SessionKey
  readonly stamp: Stamp
}

/** Extends the record that this change made. */
export interface Touched {
  readonly type: 'touched'
  readonly key: SessionKey
  readonly stamp: Stamp
  readonly untilMs: number
}

export type Verb =
  | { readonly verb: 'read'; readonly key: SessionKey }
  | {
      readonly verb: 'write'
      readonly key: SessionKey
      readonly expectedVersion: number
      readonly expiresAtMs: number
      readonly body: string
      readonly ack: Ack
    }
  | { readonly verb: 'touch'; readonly key: SessionKey; readonly expiresAtMs: number }
  | { readonly verb: 'destroy'; readonly key: SessionKey; readonly fenceUntilMs: number; readonly ack: Ack }

/** Why a verb was not carried out, or not known to be. */
export type VerbRefusal =
  /** No view, no lease, no full replica to call, or too few copies, for as long as a verb waits. */
  | 'unavailable'
  /** The change may have been committed or not: the answer did not arrive in time, or the peer was closed before it. */
  | 'unknown'
  /** Too many verbs are under way. */
  | 'busy'
  /** No room for another record. */
  | 'full'
  /** The peer is closed, and has begun no change: another may carry the verb out. */
  | 'closed'

export type VerbOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: VerbRefusal }

/** A verb for a full replica to carry out, from a peer that is none. The ids of one peer rise. HOT in a clustered mesh */
export interface Call {
  readonly type: 'call'
  readonly id: number
  readonly verb: Verb
}

/** HOT in a clustered mesh */
export interface Reply {
  readonly type: 'reply'
  readonly id: number
  /** Of a read, a write, and for a touch and a destruction a boolean. */
  readonly outcome: VerbOutcome<SessionRecord | undefined> | VerbOutcome<WriteResult> | VerbOutcome<boolean>
}

/** Asks a full peer for what it has in a bucket, unless the digest says that the sender has the same. */
export interface Fetch {
  readonly type: 'fetch'
  readonly view: number
  readonly bucket: number
  /** Undefined on the pages after the first. */
  readonly digest: number | undefined
  /** Only keys after this one; '' from the start. */
  readonly after: string
}

export interface HeldChange {
  readonly change: ReplicatedChange
  readonly isCommitted: boolean
}

/** One page of a bucket, by key. */
export interface Page {
  readonly type: 'page'
  readonly view: number
  readonly bucket: number
  readonly after: string
  readonly held: readonly HeldChange[]
  /** There is more after the last key here. */
  readonly more: boolean
}

/** The digests of all buckets, 32 bits each, for the receiver to compare and to fetch what differs. */
export interface Digests {
  readonly type: 'digests'
  readonly view: number
  readonly digests: Uint32Array
}

/** A text for the process of a peer, which has no part in it. Since version 3. */
export interface Notification {
  readonly type: 'notification'
  readonly text: string
}

/** What a link carries. */
export type LinkMessage = Message | Notification

export type Message =
  | Heartbeat
  | Echo
  | Decided
  | Prepare
  | PromiseMade
  | Accept
  | Accepted
  | Invalidate
  | InvalidateAck
  | InvalidateNack
  | Validate
  | QueryCommit
  | Touched
  | Call
  | Reply
  | Fetch
  | Page
  | Digests

/** Messages about records: they mean something within one cluster only. */
export type RecordMessage =
  | Invalidate
  | InvalidateAck
  | InvalidateNack
  | Validate
  | QueryCommit
  | Touched
  | Fetch
  | Page
  | Digests
