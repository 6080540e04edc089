/**
 * What a near-cache needs of the store under it: to know, for each read, whether a copy in this node's memory is what the store has
 * now. A store that can tell implements `CacheableStore`.
 *
 * Each copy is kept under a mark, which the store gives out with the record. As long as `isCurrent(mark)` holds, no change of the
 * record has been acknowledged to any node except the changes that `onOutdated` told of.
 */
import type { SessionKey, SessionRecord, SessionStore, SessionWrite, WriteResult } from '../../contract.ts'

export interface CacheableStore extends SessionStore {
  readonly copies: CopySource
}

export interface CopySource {
  /** Begins to look for changes. Rejects with StoreConfigError if the store lacks the rights for it; other failures are retried. */
  start(onOutdated: OnOutdated): Promise<void>
  /** Called for each read from memory, so it must be cheap. */
  isCurrent(mark: number): boolean
  /** Like `read` of the store. */
  read(key: SessionKey): Promise<Marked<SessionRecord | undefined>>
  /** Like `write` of the store. The mark is for what was written. */
  write(key: SessionKey, write: SessionWrite): Promise<Marked<WriteResult>>
  /** Why no copies can be kept now; undefined if they can, or if no request has asked for one lately. */
  readonly trouble: string | undefined
}

export interface Marked<T> {
  readonly answer: T
  /** Undefined if no copy may be kept. */
  readonly mark: number | undefined
}

/**
 * The copy of this key must not be used any more, nor what a call that is under way brings; without a key, that holds for all.
 */
export type OnOutdated = (key: SessionKey | undefined) => void
