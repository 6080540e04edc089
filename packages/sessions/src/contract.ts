/**
 * What a store must do.
 *
 * A store keeps *records*: a version, an instant of expiry, and a body that it never looks into. Everything else of
 * a session (fields, merging, secrets, rotation, answers kept for a repeated request) is in the body and is the engine's
 * part. So a store is four atomic verbs, and stays four when the engine gains features.
 *
 * There is no verb for rotation. An id is a *handle*, which never changes and whose hash is the key, and a *secret*, whose
 * hash is in the body. Rotating writes another secret's hash in the same compare-and-set that carries the data, so no
 * crash can leave two sessions or none, and a record stays where its key placed it (one slot, one owner). Rejected: a new
 * key for a new id, which needs an atomic move between two keys, and with it one more verb, an alias and a second fence.
 */

import type { Finding } from './findings.ts'
import type { StoreReport } from './telemetry.ts'

declare const brand: unique symbol

/**
 * A hash of a session's handle, in base64url: what a cookie carries never reaches a store or a log. Other records of the
 * layer (a user's list of sessions, say) have keys that begin with `~`; a store treats them alike, and counts only sessions.
 */
export type SessionKey = string & { readonly [brand]: 'SessionKey' }

export interface SessionRecord {
  /** 1 when created, and exactly one more with each write. A touch leaves it alone. */
  readonly version: number
  /** From this instant on the record is absent. */
  readonly expiresAtMs: number
  /** Text that only the engine understands. A store gives back exactly what it was given. */
  readonly body: string
}

/** How many copies must have a change before it is acknowledged: a setting of the stores that keep several. */
export type Ack = 'local' | 'one' | 'quorum' | 'all'

export interface SessionWrite {
  /** The version this write builds on; 0 creates, and only where there is no record. */
  readonly expectedVersion: number
  readonly expiresAtMs: number
  readonly body: string
  /**
   * A visitor's session: a store that is full gives up such records, or refuses to create one, before it refuses to create
   * others. Holds until the next write of the record. A hint: a store without a bound of its own ignores it.
   */
  readonly givesWay?: boolean
}

export type WriteResult =
  | { readonly status: 'written'; readonly version: number }
  /** Another version is there. It comes along, so that a merge costs no further read. */
  | { readonly status: 'conflict'; readonly current: SessionRecord }
  /** There is no such record to build on (absent, expired or fenced), or a fence forbids creating it. */
  | { readonly status: 'gone' }

export interface DestroyOptions {
  /** Until this instant no write may create the record again. */
  readonly fenceUntilMs: number
}

/**
 * Every verb is atomic by itself, may be called at the same time as any other, and rejects only with
 * StoreUnavailableError: a rejected read had no effect, a rejected change may or may not have been applied. A store must
 * not send a change again by itself once it may have arrived, and must answer or reject within its own timeout.
 */
export interface SessionStore {
  readonly name: string
  readonly capabilities: Capabilities

  /** Ready to serve, or rejects once the store's own bound on connecting has passed. */
  open(): Promise<void>

  /** Resolves undefined when the record is absent, expired or fenced: absence is data, not an error. */
  read(key: SessionKey): Promise<SessionRecord | undefined>

  /** A compare-and-set. Never creates what was destroyed, never overwrites a version other than the expected one. */
  write(key: SessionKey, write: SessionWrite): Promise<WriteResult>

  /** Moves the expiry later, never earlier, and changes nothing else. False when there is no such record. */
  touch(key: SessionKey, expiresAtMs: number): Promise<boolean>

  /** The record is gone, and stays gone until the fence ends. Destroying what is absent still fences. */
  destroy(key: SessionKey, options: DestroyOptions): Promise<void>

  /** Resolves when the store serves reads and writes now. */
  health(): Promise<void>

  /** Gives back every socket and timer. Verbs called afterwards reject. */
  close(): Promise<void>

  /** How many sessions live in the memory of this process. Absent on a store that keeps none there. */
  localSessionCount?(): number

  /** What an operator should know of it now. Absent on a store that has nothing to say beside its health. */
  report?(): StoreReport

  /** What of its server's settings and state loses sessions, or may. Absent on a store without a server. */
  check?(): Promise<readonly Finding[]>

  /** Absent on a store that can't tell other processes anything: see the capability `notifies`. */
  readonly notifications?: Notifications | undefined

  /** Absent on a store that is not made of the nodes themselves, and on one whose nodes are fixed. */
  readonly members?: StoreMembers | undefined
}

/** The nodes that a store is made of, where they come and go. */
export interface StoreMembers {
  status(): MembersStatus
  /**
   * Resolves when the node counts: it has every session then. Rejects with StoreUnavailableError when that takes too long; the node may
   * then still be added later, once it runs.
   */
  add(name: string): Promise<void>
  /**
   * Resolves when the node counts no more and knows it, so that it may end. `isGone`: it has ended already, and is not asked. That has to
   * be true: a process that still runs may serve what is no longer so.
   */
  remove(name: string, options?: { readonly isGone?: boolean }): Promise<void>
}

export interface MembersStatus {
  /** A majority is one of these names. */
  readonly counted: readonly string[]
  /** Joins, and does not count yet. */
  readonly adding: string | undefined
  /** Does not count any more, and is to know that. */
  readonly removing: string | undefined
  /** May be added. */
  readonly spare: readonly string[]
  /** Names that this node has no link to: no such process runs, or it can't be reached. */
  readonly apart: readonly string[]
}

/**
 * Short texts to all processes that have opened the store, soon, and without a promise: one that is cut off misses them. So a receiver
 * also looks at a record now and then, more often while it does not listen.
 */
export interface Notifications {
  /** A listener whose `lost` was not called has missed no text, and looks at its record seldom. */
  readonly tellsLosses?: boolean
  /** Resolves when the text is on its way; rejects only with StoreUnavailableError. */
  send(text: string): Promise<void>
  /** Connects, and again after each loss, until it is stopped. */
  listen(on: OnNotification): NotificationListener
}

export interface OnNotification {
  /** Sent by any process, perhaps by this one. */
  readonly text: (text: string) => void
  /** From now on texts may be missed. */
  readonly lost: () => void
}

export interface NotificationListener {
  /** What is sent now arrives, as far as is known. */
  readonly isListening: boolean
  /** A text that was sent did not arrive: connects anew. */
  renew(): void
  stop(): void
}

/**
 * What a store holds besides its verbs. Where it can't hold something, it says why, in words that a report can print;
 * the conformance suite then excuses it from the cases that ask for it, with that reason.
 */
export interface Capabilities {
  /** Every node that opens the store sees the same sessions. */
  readonly shared: Capability
  /** What was acknowledged survives the death, by SIGKILL, of any one node. */
  readonly survivesNodeDeath: Capability
  /** What was acknowledged survives a restart of the store itself. */
  readonly survivesStoreRestart: Capability
  /** A destroyed session is refused until its fence ends. */
  readonly fences: Capability
  /**
   * Of two nodes that write one version of a session, only one succeeds, and the other one merges. Absent, it is held: a store
   * that keeps its sessions can't do without.
   */
  readonly comparesAndSets?: Capability
  /**
   * A process is told at once what another one has sent: see Notifications. Absent or excused, sockets look every 100 ms whether their
   * session has ended.
   */
  readonly notifies?: Capability
}

export type Capability = 'held' | { readonly excused: string }
