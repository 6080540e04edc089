/**
 * A session in one request, for a framework that has no adapter: the application loads it, and puts what `commit` gives into its answer.
 * Merge, fences, rotation and expiry are the engine's, as under every adapter.
 */
import { throwToClient } from '../client-error.ts'
import type { Unsealed } from '../secrets/cookie.ts'
import { type OneAtATime, oneAtATime } from '../engine/one-at-a-time.ts'
import type { OpenSession, SessionInfo } from '../engine/session.ts'
import type { SingleOptions } from '../engine/single-flight.ts'
import { isIdNeeded, isNews } from '../cookie/cookie-news.ts'
import { copyOf, type SessionData, withHeldObjects } from '../record/data.ts'
import { merge } from '../record/merge.ts'
import type { SessionId } from '../secrets/id.ts'
import { assertFieldNames, assignFields, withFieldNames } from '../field-names.ts'
import type { SessionDraft, SessionFields } from '../session-fields.ts'
import type { WebCookie } from './web-options.ts'

export interface WebSession<Fields extends object = SessionFields> {
  /** The fields, to be read and changed. What was changed is merged with other requests' changes, and written, by `commit`. */
  readonly data: SessionDraft<Fields>
  /** The stored session as this request last read or wrote it; undefined while there is none. Its id is for lists, and opens nothing. */
  readonly info: SessionInfo | undefined
  /**
   * Changes the session in one atomic step that no other request can come between, and returns what `change` returned. `change` is
   * synchronous, and runs again when another request was faster: it must depend on its draft alone.
   */
  update<T>(change: (draft: SessionDraft<Fields>) => T): Promise<T>
  /** Sets these fields and gives the session another id, in one write. The id from before a change of the user opens nothing. */
  login(fields: SessionDraft<Fields>): Promise<void>
  /** Ends the session for every tab. A slower request that still holds it fails with SessionGoneError. `data` is empty from here on. */
  logout(): Promise<void>
  /** Runs `run` once for this session across all nodes: requests that ask for the same `name` meanwhile wait and get what it returned. */
  single<T>(name: string, run: (signal: AbortSignal) => T | Promise<T>, options?: SingleOptions): Promise<T>
  /** Writes what was changed, or moves the expiry, and gives the Set-Cookie headers of the answer: none, where nothing is new. */
  commit(): Promise<string[]>
  /** The Set-Cookie headers of an answer that reports a failure: of what was written so far. It writes nothing. */
  cookies(): Promise<string[]>
}

interface Loaded {
  readonly cookie: WebCookie
  readonly session: OpenSession | undefined
  readonly presented: Unsealed | undefined
  /** Begins another session for the client of this request. */
  readonly begin: () => OpenSession
  readonly tellEndedBefore: (id: SessionId) => Promise<void>
}

export class LoadedSession {
  readonly #loaded: Loaded
  readonly #opened: SessionInfo | undefined
  readonly #inTurn: OneAtATime
  #session: OpenSession | undefined
  #hasEnded = false
  #hasJustWritten = false
  readonly data: SessionData = {}

  constructor(loaded: Loaded) {
    const inTurn = oneAtATime()
    this.#inTurn = (task) => inTurn(task).catch(throwToClient)
    this.#loaded = loaded
    this.#session = loaded.session
    this.#opened = loaded.session?.info
    assignFields(this.data, loaded.session?.take() ?? {})
  }

  get info(): SessionInfo | undefined {
    return this.#session?.info
  }

  update<T>(change: (draft: SessionData) => T): Promise<T> {
    return this.#inTurn(() => this.#write((session, mine) => session.update(mine, withFieldNames(change))))
  }

  login(fields: SessionData): Promise<void> {
    return this.#inTurn(async () => {
      assertFieldNames(fields)
      const given = copyOf(fields)
      this.#begun().rotate()
      await this.#write((session, mine) => session.update(mine, (draft) => void Object.assign(draft, given)))
    })
  }

  logout(): Promise<void> {
    return this.#inTurn(async () => {
      const { presented, tellEndedBefore } = this.#loaded
      await this.#session?.destroy()
      if (this.#session === undefined && presented !== undefined) await tellEndedBefore(presented.id)
      this.#hasEnded ||= this.#session !== undefined || presented !== undefined
      this.#session = undefined
      this.#replace({})
    })
  }

  single<T>(name: string, run: (signal: AbortSignal) => T | Promise<T>, options?: SingleOptions): Promise<T> {
    return this.#begun().single(name, run, options).catch(throwToClient)
  }

  async commit(): Promise<string[]> {
    await this.#inTurn(async () => {
      if (this.#session === undefined && Object.keys(this.data).length === 0) return
      await this.#write((session, mine) => session.commit(mine))
    })
    return await this.cookies()
  }

  async cookies(): Promise<string[]> {
    const { cookie, presented } = this.#loaded
    const session = this.#session
    const state = { session, presented, opened: this.#opened }
    if (session?.info !== undefined && isNews(state, cookie.isKept)) {
      if (!this.#hasJustWritten && !(await isIdNeeded(state))) return []
      const expiresAtMs = cookie.isKept(session.info) ? session.info.expiresAtMs : undefined
      return [cookie.headerOf(cookie.sealer.seal(session.id), expiresAtMs)]
    }
    return this.#hasEnded && session?.info === undefined ? [cookie.headerOf('', 0)] : []
  }

  async #write<T>(write: (session: OpenSession, mine: SessionData) => Promise<T>): Promise<T> {
    assertFieldNames(this.data)
    const session = this.#begun()
    const before = session.info?.version
    const mine = copyOf(this.data)
    const result = await write(session, mine)
    this.#hasJustWritten = session.info?.version !== before
    // What the handler set while it waited is still to come: it stays on top of what is stored now.
    this.#replace(withHeldObjects(merge(mine, this.data, session.take()), this.data))
    return result
  }

  #begun(): OpenSession {
    this.#session ??= this.#loaded.begin()
    return this.#session
  }

  #replace(fields: SessionData): void {
    for (const name of Object.keys(this.data)) delete this.data[name]
    assignFields(this.data, fields)
  }
}
