/** The types of `ctx.session`. */
import type { SessionInfo } from '../engine/session.ts'
import type { SingleOptions } from '../engine/single-flight.ts'
import type { MaxAge, SessionDraft, SessionFields } from '../session-fields.ts'

export interface UpdateOptions<T, Fields extends object = SessionFields> {
  /**
   * Makes the request's answer, a value for `ctx.body`, from the fields as they are stored with this update. A keyed request's answer
   * is then stored in the same write: without it, that takes a second one. It is called like `change`, and must depend on what it
   * is given alone; nothing of the session may be changed after it.
   */
  readonly answer?: (fields: SessionDraft<Fields>, made: { readonly result: T; readonly version: number }) => unknown
}

/** What every session has beside its fields. */
export interface SessionMembers<Fields extends object = SessionFields> {
  /** This request began it. */
  readonly isNew: boolean
  /** How many fields there are. */
  readonly length: number
  readonly populated: boolean
  /** The public id, as in `ctx.sessionInfo` and in a user's list: for logs, and it opens nothing. */
  readonly externalKey: string
  /**
   * How long this session may be unused, within the absolute timeout. Setting it is a "remember me": it is kept with the session,
   * and the browser keeps the cookie as long.
   */
  get maxAge(): MaxAge
  set maxAge(maxAge: MaxAge | undefined)
  /** Gives the session another id at once, as a login must. */
  regenerate(): Promise<void>
  /** Writes what has changed, at once; begins the session even if there is nothing in it. */
  save(): Promise<void>
  /** Writes what has changed: with `autoCommit: false` the only thing that does, beside save, update and regenerate. */
  manuallyCommit(): Promise<void>
  /**
   * Changes the session in one atomic step that no other request can come between, and returns what `change` returned.
   * `change` is synchronous, and runs again when another request was faster: it must depend on its draft alone. By `name` it
   * is known again when a request comes again with its Idempotency-Key; one update of such a request may go without.
   */
  update<T>(name: string, change: (draft: SessionDraft<Fields>) => T, options?: UpdateOptions<T, Fields>): Promise<T>
  update<T>(change: (draft: SessionDraft<Fields>) => T, options?: UpdateOptions<T, Fields>): Promise<T>
  /**
   * Runs `run` once for this session across all nodes: requests that ask for the same `name` meanwhile, or soon after, wait and get
   * what it returned, which is JSON and Dates. If the node that runs it dies, one of those that wait runs it. `signal` aborts
   * when it has taken too long, or another node has taken over.
   */
  single<T>(name: string, run: (signal: AbortSignal) => T | Promise<T>, options?: SingleOptions): Promise<T>
}

/** koa-session's object: an application's own fields, and a few members that keep their names. */
export type KoaSession<Fields extends object = SessionFields> = SessionDraft<Fields> & SessionMembers<Fields>

/** What `ctx.session` may be set to: other fields, with a `maxAge` if it is to have one. */
export type AssignedSession<Fields extends object = SessionFields> = SessionDraft<Fields> & { readonly maxAge?: MaxAge }

declare module 'koa' {
  interface ExtendableContext {
    /** Null only for the rest of a request that has ended it with `ctx.session = null`. */
    get session(): KoaSession
    set session(fields: AssignedSession | null)
    /** The stored session as this request last read or wrote it; undefined while there is none. */
    readonly sessionInfo: SessionInfo | undefined
    /** The store is down, and this request is answered by the policy for that: `ctx.session` can't be changed. */
    readonly sessionOutage: boolean
  }
}
