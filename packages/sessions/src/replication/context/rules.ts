/**
 * The decisions that the promises of a mesh rest on, one by one, so that a simulation can break each and must validation.
 * What runs in earnest is `rules`, and nothing else is offered to who runs it.
 */
import type { ViewMember, Stamp } from '../wire/messages.ts'
import { isLater } from '../wire/stamp.ts'

export interface Rules {
  /** Whether the process that has a member's name is that member, with its memory. */
  isSame(member: ViewMember, incarnation: number): boolean
  /** The same, for its vote. */
  mayVote(member: ViewMember | undefined, incarnation: number): boolean
  /** Of the live replicas besides the coordinator, those that have to take a change before it is committed. */
  mustTake(live: number, full: number): number
  /** Of the live replicas, those that are sent a change. */
  isSent(live: number, full: number): number
  /** Whether own memory is good to read from. */
  mayRead(lease: boolean): boolean
  /** Whether what is read may be a change not known to be committed. */
  readsPending: boolean
  /** How long a view commits nothing after some member was dropped. */
  guard(guardMs: number): number
  /** Of how long ago each of a majority has echoed somebody last, for how long that one may count on no echo. */
  quiet(one: number, other: number): number
  /** Which view is put to the vote: the latest that some voter has accepted, or one's own. */
  put<T>(accepted: T | undefined, own: T): T
  /** Whether a change that was outranked never came to pass, though others may have driven it on as well. */
  isBeaten(shared: boolean): boolean
  /** Whether a change takes the place of the other. */
  outranks(change: Stamp, other: Stamp): boolean
  /** The counter of a change that comes after all those seen. */
  counter(next: number, wallMs: number): number
  /** Whether a write may build on the version that is there. */
  mayBuild(found: number, expected: number): boolean
  /** When a fence ends. */
  fenceUntil(untilMs: number): number
  /** A change whose coordinator is gone: driven on until every replica has it, or taken for committed as it stands. */
  orphan: 'replay' | 'believe'
  /** Whether a joining peer that has all of a snapshot may be made full. */
  isReady(fetched: boolean): boolean
}

export const rules: Rules = {
  isSame: (member, incarnation) => member.incarnation === incarnation,
  mayVote: (member, incarnation) => member?.incarnation === incarnation,
  mustTake: (live) => live,
  isSent: (live) => live,
  mayRead: (lease) => lease,
  readsPending: false,
  guard: (guardMs) => guardMs,
  quiet: Math.min,
  put: (accepted, own) => accepted ?? own,
  isBeaten: (shared) => !shared,
  outranks: isLater,
  counter: (next) => next,
  mayBuild: (found, expected) => found === expected,
  fenceUntil: (untilMs) => untilMs,
  orphan: 'replay',
  isReady: (fetched) => fetched,
}
