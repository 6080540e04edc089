/** A socket's session, in the hands of its handlers. */
import { withFieldNames } from '../field-names.ts'
import { type SessionDraft, type SessionFields } from '../session-fields.ts'
import { SessionGoneError, StoreUnavailableError } from '../errors.ts'
import type { Engine } from '../engine/engine.ts'
import type { OpenSession } from '../engine/session.ts'
import { NO_FINGERPRINT } from '../idempotency/fingerprint.ts'
import { assertStepName } from '../idempotency/steps.ts'
import type { SessionData } from '../record/data.ts'
import type { UserTag } from '../secrets/id.ts'

/** For how long a message is recognised when it comes again. A client gives up within five minutes, and a node's clock may be five minutes ahead. */
export const MESSAGE_KEPT_MS = 11 * 60_000
/** Before the id of a message, so that no key of a request is taken for one. */
const MESSAGE_KEY = 'socket-message-'

export interface SocketSessionRules {
  /** While the store is out, what was seen last may be read. */
  readonly readsLastSeen: boolean
  /** A service on Koa may have the session too; see field-names.ts. */
  readonly refusesNames: boolean
}

export class SocketSession<Fields extends object = SessionFields> {
  readonly #engine: Engine
  /** As it was seen last. */
  #session: OpenSession
  /** The session in the hands of the present message, whose id its changes carry. */
  #ofMessage: OpenSession | undefined
  readonly #user: UserTag | undefined
  readonly #rules: SocketSessionRules

  constructor(engine: Engine, session: OpenSession, rules: SocketSessionRules) {
    this.#engine = engine
    this.#rules = rules
    this.#session = session
    this.#user = session.user
  }

  /** The public id, as in a user's list of sessions: for logs, and it opens nothing. */
  get id(): string {
    return this.#session.publicId
  }

  /** Of the session as this socket last saw it. */
  get version(): number {
    return this.#session.info?.version ?? 0
  }

  /** When it ends if it is not used. */
  get expiresAtMs(): number {
    return this.#session.info?.expiresAtMs ?? 0
  }

  /** Whose session it is, as a hash. */
  get user(): UserTag | undefined {
    return this.#user
  }

  /** A copy of the fields as this socket last saw them. To change them takes `update`. */
  get data(): SessionDraft<Fields> {
    return this.#session.take() as SessionDraft<Fields>
  }

  /**
   * The fields as they are stored now; with `outage: 'read-only'`, while the store is out, as this socket last saw them. Rejects with
   * SessionGoneError if the session has ended.
   */
  async read(): Promise<SessionDraft<Fields>> {
    const isAlive = await this.isAlive().catch((error: unknown) => this.#inOutage(error))
    if (!isAlive) throw new SessionGoneError()
    return this.data
  }

  /**
   * Changes the session in one atomic step, and resolves what `change` returned. `change` is synchronous and depends on its draft alone,
   * because it runs again when a request was faster. For a message with an id that any node has handled before, nothing is changed, and the
   * result is that of the first time; `name` says which change of the message it is.
   */
  async update<T>(name: string, change: (draft: SessionDraft<Fields>) => T): Promise<T> {
    assertStepName(name)
    const session = this.#ofMessage ?? this.#session
    const given = change as (draft: SessionData) => T
    const checked = this.#rules.refusesNames ? withFieldNames(given) : given
    const result = await session.update(session.take(), checked, name)
    this.#see(session)
    return result
  }

  /** Handles a message, which is a use of the session. What `update` does meanwhile belongs to the message of this id, if it has one. */
  async during(messageId: string | undefined, handle: () => void | Promise<void>): Promise<void> {
    const session = this.#session.continued()
    if (messageId !== undefined) session.bindIdempotencyKey(MESSAGE_KEY + messageId, NO_FINGERPRINT, MESSAGE_KEPT_MS)
    this.#ofMessage = session
    try {
      await handle()
      // Only the expiry is left to be moved: each change was committed by its update.
      await session.commit(undefined).catch((error: unknown) => this.#inOutage(error))
      this.#see(session)
    } finally {
      this.#ofMessage = undefined
    }
  }

  /** Asks the store; false if it has ended or is another user's. */
  async isAlive(): Promise<boolean> {
    const session = await this.#engine.reopen(this.#session.id, this.#user)
    if (session === undefined) return false
    this.#see(session)
    return true
  }

  /** True if the session may be read all the same; throws the error if not. */
  #inOutage(error: unknown): true {
    const isOut = error instanceof StoreUnavailableError
    if (isOut && this.#rules.readsLastSeen && this.expiresAtMs > this.#engine.clock.now()) return true
    throw error
  }

  /** A read may be answered after a later write. The message's id does not go along. */
  #see(session: OpenSession): void {
    if ((session.info?.version ?? 0) >= this.version) this.#session = session.continued()
  }
}
