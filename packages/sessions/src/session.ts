/** One session in the hands of one request, from its opening to its last commit. */
import assert from 'node:assert/strict'
import type { SessionRecord } from './contract.ts'
import type { Engine } from './engine.ts'
import { SessionConflictError, SessionGoneError, StoreUnavailableError } from './errors.ts'
import { newSecret, type SessionId, secretDigest, sessionKey } from './id.ts'
import { merge } from './merge.ts'
import { type Body, decodeBody, encodeBody, parseData, type SessionData } from './record.ts'
import { retire, stillGraced } from './standing.ts'

/** What a request has seen of the stored session: where its changes start from. */
interface Snapshot {
  readonly version: number
  readonly expiresAtMs: number
  readonly body: Body
}

export interface SessionInfo {
  readonly version: number
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

/** The expiry is moved once it lags by this share of the idle time, so that reading does not become writing. */
const TOUCH_SHARE = 0.01

const EMPTY = '{}'

/** Makes the data to store out of the data that is stored. Must not depend on anything else: it may run again. */
type Change = (theirs: SessionData) => SessionData

export class OpenSession {
  readonly #engine: Engine
  #id: SessionId
  #seen: Snapshot | undefined
  #rotating = false
  #destroyed = false
  #turn: Promise<unknown> = Promise.resolve()
  /**
   * The data as the caller holds it, which is what its changes start from. Not the same as what is stored: that may have
   * been merged with others' changes, or have gone through an update, since the caller last took a copy.
   */
  #callerText: string

  constructor(engine: Engine, id: SessionId, seen?: Snapshot) {
    this.#engine = engine
    this.#id = id
    this.#seen = seen
    this.#callerText = seen?.body.dataText ?? EMPTY
  }

  /** The id that the client should carry from now on. Another one after a commit that rotated. */
  get id(): SessionId {
    return this.#id
  }

  /** Undefined while no store knows the session. */
  get info(): SessionInfo | undefined {
    const seen = this.#seen
    return seen && { version: seen.version, createdAtMs: seen.body.createdAtMs, expiresAtMs: seen.expiresAtMs }
  }

  /** Takes a copy of the data as last read or committed; the caller's changes are told from it. */
  take(): SessionData {
    this.#callerText = this.#seen?.body.dataText ?? EMPTY
    return parseData(this.#callerText)
  }

  /** From the next commit on, another secret; the one that came with this request keeps working for the grace. */
  rotate(): void {
    this.#rotating = this.#seen !== undefined
  }

  /** Brings what the caller changed since it took its copy into the stored session; `mine` is that copy now. */
  async commit(mine: SessionData): Promise<void> {
    const changes = this.#changesOf(mine)
    await this.#inTurn(async () => {
      if (this.#seen !== undefined && !this.#rotating && changes === undefined) await this.#touch(this.#seen)
      else await this.#write(changes ?? asTheyAre)
    })
  }

  /**
   * Commits `mine` and, on top of it, what `change` does to a draft, in one write. `change` runs again when another
   * request was faster, so it must depend on nothing but its draft; what it returns the last time is the result. One that
   * changes nothing writes nothing, and its result is then of the session as this request last saw it.
   */
  async update<T>(mine: SessionData, change: (draft: SessionData) => T): Promise<T> {
    const changes = this.#changesOf(mine) ?? asTheyAre
    return await this.#inTurn(async () => {
      let result: T | undefined
      await this.#write((theirs) => {
        const draft = changes(theirs)
        result = change(draft)
        return draft
      })
      return result as T
    })
  }

  /** The session has ended: it can't be read, written or brought back. */
  destroy(): Promise<void> {
    return this.#inTurn(async () => {
      this.#destroyed = true
      if (this.#seen === undefined) return
      const fenceUntilMs = this.#engine.clock.now() + this.#engine.requestTimeMaxMs
      await this.#engine.store.destroy(sessionKey(this.#id.handle), { fenceUntilMs })
    })
  }

  /** What the caller did to its copy, as a function to apply to what is stored; undefined when it did nothing. */
  #changesOf(mine: SessionData): Change | undefined {
    const baseText = this.#callerText
    const mineText = JSON.stringify(mine)
    this.#callerText = mineText
    if (mineText === baseText) return undefined
    const base = parseData(baseText)
    const changed = parseData(mineText)
    return (theirs) => merge(base, changed, theirs)
  }

  /** One change at a time: two in the same request would each start from what the other is about to replace. */
  async #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(change)
    // The chain goes on after a failure; whoever asked for the failed change is told by the promise below.
    this.#turn = turn.catch(() => {})
    return await turn
  }

  async #write(change: Change): Promise<void> {
    if (this.#destroyed) throw new SessionGoneError()
    const { store, clock, commitAttemptsMax, onStep, onEvent } = this.#engine
    const secret = this.#rotating ? newSecret(this.#engine.random) : undefined
    let theirs = this.#seen
    for (let attempt = 1; attempt <= commitAttemptsMax; attempt++) {
      const next = this.#successor(theirs, change(parseData(theirs?.body.dataText ?? EMPTY)), clock.now(), secret)
      if (theirs !== undefined && secret === undefined && next.body.dataText === theirs.body.dataText) {
        this.#seen = theirs
        return
      }
      onStep('before-commit')
      const result = await store.write(sessionKey(this.#id.handle), {
        expectedVersion: theirs?.version ?? 0,
        expiresAtMs: next.expiresAtMs,
        body: encodeBody(next.body),
      })
      if (result.status === 'written') {
        onStep('after-commit')
        this.#seen = { ...next, version: result.version }
        if (secret !== undefined) this.#id = { handle: this.#id.handle, secret }
        this.#rotating = false
        return
      }
      if (result.status === 'gone') throw new SessionGoneError()
      assert(theirs !== undefined, 'two sessions can not have drawn the same 128-bit handle')
      onEvent({ event: 'merged' })
      theirs = snapshot(result.current)
      await this.#engine.backOff(attempt)
    }
    throw new SessionConflictError(
      commitAttemptsMax,
      parseData(this.#callerText),
      parseData(theirs?.body.dataText ?? EMPTY),
    )
  }

  #successor(theirs: Snapshot | undefined, data: SessionData, nowMs: number, secret: string | undefined): Snapshot {
    const { idleTimeoutMs, absoluteTimeoutMs, rotationGraceMs } = this.#engine
    const createdAtMs = theirs?.body.createdAtMs ?? nowMs
    const current = theirs?.body.secretDigest ?? secretDigest(this.#id.secret)
    const rotated = theirs !== undefined && secret !== undefined
    return {
      version: (theirs?.version ?? 0) + 1,
      expiresAtMs: Math.min(nowMs + idleTimeoutMs, createdAtMs + absoluteTimeoutMs),
      body: {
        createdAtMs,
        secretDigest: rotated ? secretDigest(secret) : current,
        retired:
          theirs === undefined
            ? []
            : rotated
              ? retire(theirs.body, nowMs, rotationGraceMs)
              : stillGraced(theirs.body, nowMs),
        dataText: JSON.stringify(data),
      },
    }
  }

  /** A session that was only read lives longer for it. That it could not be told so is no reason to fail the request. */
  async #touch(seen: Snapshot): Promise<void> {
    const { store, clock, idleTimeoutMs, absoluteTimeoutMs, onEvent } = this.#engine
    const expiresAtMs = Math.min(clock.now() + idleTimeoutMs, seen.body.createdAtMs + absoluteTimeoutMs)
    if (expiresAtMs - seen.expiresAtMs < idleTimeoutMs * TOUCH_SHARE) return
    try {
      if (await store.touch(sessionKey(this.#id.handle), expiresAtMs)) this.#seen = { ...seen, expiresAtMs }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      onEvent({ event: 'touch-failed' })
    }
  }
}

function snapshot(record: SessionRecord): Snapshot {
  return { version: record.version, expiresAtMs: record.expiresAtMs, body: decodeBody(record.body) }
}

function asTheyAre(theirs: SessionData): SessionData {
  return theirs
}
