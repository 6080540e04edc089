/**
 * A session in the hands of a middleware that knows only `get` and `set`: what was read, until what became of it is to be
 * saved. Its record is one like any other. The middleware checks the id's bearer, so the record's secret is the
 * empty one, and the key is the hash of the whole id, in a name space of its own: a Koa session in the same store can't be
 * named by such an id, nor the other way round.
 *
 * The middleware keeps its cookie's settings in the session. They are kept without the expiry, which is the record's own
 * and moves with every request, and come back with it; and they say how long this session may be idle, as every store of
 * that kind has it.
 */
import { adopt, endOld } from '../adoption/adopt.ts'
import type { OldSessions } from '../adoption/old-sessions.ts'
import type { SessionKey, SessionRecord } from '../contract.ts'
import type { SessionData } from '../record/data.ts'
import type { EngineContext } from '../context/engine-context.ts'
import { type SessionId, sessionKey } from '../secrets/id.ts'
import { decodeBody } from '../record/record.ts'
import { OpenSession } from '../engine/session.ts'

/** The parts of the middlewares' cookie that are not passed through as they are. */
interface Cookie {
  readonly [setting: string]: unknown
  /** How long the browser keeps it, in milliseconds; null and such for as long as it is open. */
  readonly originalMaxAge?: unknown
  readonly expires?: unknown
  readonly toJSON?: () => Cookie
}

/** Of its `maxAge` express-session loses a few milliseconds each time it computes it anew, which is no change. */
const MAX_AGE_DRIFT_MS = 1_000
const ID_SPACE = 'middleware:'
const NO_SECRET = ''
/** The field that hands a session through a middleware which copies fields and nothing else. */
export const CARRIER = 'ninelives:read'

export function middlewareKey(id: string): SessionKey {
  return sessionKey(ID_SPACE + id)
}

export function middlewareId(id: string): SessionId {
  return { handle: ID_SPACE + id, secret: NO_SECRET }
}

/** Ends the session for every request that holds it, and the one of other software that has this id. */
export async function endSession(context: EngineContext, id: string, old: OldSessions | undefined): Promise<void> {
  const key = middlewareKey(id)
  if (old !== undefined) await endOld(context, old, { oldId: id, key })
  await context.end(key, 'logout')
}

export class MiddlewareSession {
  readonly #id: string
  /** A view of the context, because its own idle time is for all sessions alike. */
  readonly #context: EngineContext & { visitorIdleTimeoutMs: number }
  readonly #idleTimeoutMs: number
  /** The id is the same there: the cookie stays. */
  readonly #old: OldSessions | undefined
  #maxAgeMs: number | undefined
  #opening: Promise<OpenSession> | undefined

  constructor(context: EngineContext, id: string, old: OldSessions | undefined) {
    this.#id = id
    this.#old = old
    this.#context = { ...context }
    this.#idleTimeoutMs = context.idleTimeoutMs
  }

  /** Whether it goes by this id, and was not taken along into a session that replaced it. */
  isOf(id: string): boolean {
    return this.#id === id
  }

  /** The fields as the middleware expects them of its store; undefined when there is no such session. */
  async read(): Promise<SessionData | undefined> {
    const session = await this.#opened()
    if (session.info === undefined) return undefined
    const { cookie, ...fields } = session.take()
    const settings = (cookie ?? {}) as Cookie
    this.#maxAgeMs = maxAgeOf(settings)
    const expires = this.#maxAgeMs === undefined ? {} : { expires: new Date(session.info.expiresAtMs) }
    return { cookie: { ...settings, ...expires }, ...fields }
  }

  /** Brings what the application made of the fields into the store. Where that is nothing, the session lives longer. */
  async save(made: object): Promise<void> {
    const session = await this.#opened()
    const { cookie, [CARRIER]: _, ...fields } = Object.fromEntries(Object.entries(made))
    const settings = this.#settings((cookie ?? {}) as Cookie)
    this.#context.visitorIdleTimeoutMs = this.#maxAgeMs ?? this.#idleTimeoutMs
    // In the record as well: a socket moves the expiry too, and does not read the cookie. Set only where it is another time, so that
    // one that another request sets meanwhile stays.
    if (session.maxAgeMs !== this.#keptMaxAgeMs) session.maxAgeMs = this.#keptMaxAgeMs
    // The cookie first, as it was read: texts are compared, and another order would be a change.
    await session.commit({ cookie: settings, ...fields })
  }

  /** As a field it is in no JSON of the session that it is a field of. */
  toJSON(): undefined {
    return undefined
  }

  /** The cookie's settings without what follows from the record's expiry. */
  #settings(cookie: Cookie): Cookie {
    const { originalExpires: _, expires, ...settings } = cookie.toJSON?.() ?? cookie
    const maxAgeMs = maxAgeOf(settings)
    if (!isDrift(this.#maxAgeMs, maxAgeMs)) this.#maxAgeMs = maxAgeMs
    return this.#maxAgeMs === undefined ? { ...settings, expires } : { ...settings, originalMaxAge: this.#maxAgeMs }
  }

  #adopted(old: OldSessions, key: SessionKey): Promise<SessionRecord | undefined> {
    return adopt(this.#context, old, { oldId: this.#id, key }, ({ data, cookie = {} }) => {
      const settings = this.#settings(cookie)
      this.#context.visitorIdleTimeoutMs = this.#maxAgeMs ?? this.#idleTimeoutMs
      return { data: { cookie: settings, ...data }, secret: NO_SECRET, maxAgeMs: this.#keptMaxAgeMs }
    })
  }

  /** What the record keeps of it. A time of 0 or less has another meaning there. */
  get #keptMaxAgeMs(): number | undefined {
    return this.#maxAgeMs !== undefined && this.#maxAgeMs > 0 ? this.#maxAgeMs : undefined
  }

  /** Read at most once, unless that failed. */
  #opened(): Promise<OpenSession> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #open(): Promise<OpenSession> {
    const id = middlewareId(this.#id)
    const key = middlewareKey(this.#id)
    const record = await (this.#old === undefined ? this.#context.store.read(key) : this.#adopted(this.#old, key))
    if (record === undefined || record.expiresAtMs <= this.#context.clock.now())
      return new OpenSession(this.#context, { id, key, device: '' })
    const { version, expiresAtMs, body } = record
    return new OpenSession(this.#context, {
      id,
      key,
      device: '',
      seen: { version, expiresAtMs, body: decodeBody(body) },
    })
  }
}

function maxAgeOf({ originalMaxAge }: Cookie): number | undefined {
  // An application may compute it from a setting that is missing; NaN would end every session at once.
  return typeof originalMaxAge === 'number' && !Number.isNaN(originalMaxAge) ? originalMaxAge : undefined
}

function isDrift(beforeMs: number | undefined, nowMs: number | undefined): boolean {
  return beforeMs !== undefined && nowMs !== undefined && Math.abs(beforeMs - nowMs) < MAX_AGE_DRIFT_MS
}
