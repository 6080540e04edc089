/**
 * What express-session and @fastify/session do with a store, as far as their documentation promises it: neither is
 * installed here. Each turns what `get` gave into an object of its own, hands that to a handler, and saves it afterwards.
 */
import { EventEmitter } from 'node:events'
import { promisify } from 'node:util'
import { expressStore, fastifyStore, type MiddlewareStoreOptions } from '../../src/express/express.ts'
import { newSecret } from '../../src/secrets/id.ts'

export interface Fields {
  [field: string]: unknown
  cookie: Cookie
}

export interface Visit {
  readonly id: string
  readonly session: Fields
  readonly save: () => Promise<void>
  readonly destroy: () => Promise<void>
  /** As at a login: the session is destroyed, and another begun. */
  readonly regenerate: () => Promise<void>
}

type Handler = (visit: Visit) => unknown

export interface Middleware {
  readonly name: string
  /** One request: resolves with the session's id once it is saved, and rejects where that failed. */
  visit(id: string | undefined, handler?: Handler): Promise<string>
  /** What a request would find; undefined for nothing. */
  find(id: string): Promise<Fields | undefined>
}

export interface Settings {
  readonly maxAge?: number
}

/** A cookie as both have it: `expires` follows from `maxAge` at the end of each request. */
export class Cookie {
  originalMaxAge: number | null
  expires: Date | null
  readonly path = '/'

  constructor({ maxAge, originalMaxAge, expires }: Settings & Partial<Cookie>) {
    this.originalMaxAge = originalMaxAge ?? maxAge ?? null
    this.expires = expires ?? null
  }

  touch(): void {
    this.expires = this.originalMaxAge === null ? null : new Date(Date.now() + this.originalMaxAge)
  }

  toJSON(): object {
    return { originalMaxAge: this.originalMaxAge, expires: this.expires, path: this.path }
  }
}

interface ExpressRequest {
  sessionID: string
  session?: Fields
}

/** express-session's Store: it makes the request's session, which knows its request, of the fields. */
class Store extends EventEmitter {
  createSession(request: ExpressRequest, fields: Fields): Fields {
    const session: Fields = { ...fields, cookie: new Cookie(fields.cookie) }
    Object.defineProperty(session, 'id', { value: request.sessionID })
    request.session = session
    return session
  }
}

interface StoreVerbs {
  get(id: string, callback: (error: unknown, fields?: object) => void): void
  set(id: string, session: object, callback: (error?: unknown) => void): void
  touch?(id: string, session: object, callback: (error?: unknown) => void): void
  destroy(id: string, callback: (error?: unknown) => void): void
}

export function likeExpress(options: MiddlewareStoreOptions, settings: Settings = {}): Middleware {
  const store = expressStore({ ...options, Store })
  const verbs = verbsOf(store as unknown as StoreVerbs)

  return {
    name: 'express-session',
    find: async (id) => (await verbs.get(id)) as Fields | undefined,
    async visit(id, handler) {
      const found = id === undefined ? undefined : await verbs.get(id)
      const request: ExpressRequest = { sessionID: found && id !== undefined ? id : newSecret() }
      const session = found && store.createSession(request, found as Fields)
      const before = session && fieldsText(session)
      const after = await handled(verbs, request.sessionID, session ?? { cookie: new Cookie(settings) }, handler)
      if (after === undefined) return request.sessionID
      const isUntouched = after.id === id && fieldsText(after.session) === before
      await (isUntouched ? verbs.touch : verbs.set)(after.id, after.session)
      return after.id
    },
  }
}

export function likeFastify(options: MiddlewareStoreOptions, settings: Settings = {}): Middleware {
  const verbs = verbsOf(fastifyStore(options))

  return {
    name: '@fastify/session',
    find: async (id) => (await verbs.get(id)) as Fields | undefined,
    async visit(id, handler) {
      const found = id === undefined ? undefined : ((await verbs.get(id)) as Fields | undefined)
      // Enumerable fields by name and nothing else, so what hangs on the object that `get` gave is lost.
      const session = { ...found, cookie: new Cookie(found?.cookie ?? settings) }
      const sessionId = found && id !== undefined ? id : newSecret()
      const after = await handled(verbs, sessionId, session, handler)
      if (after !== undefined) await verbs.set(after.id, after.session)
      return after?.id ?? sessionId
    },
  }
}

/** Runs the handler, and gives the session that is to be saved; none after it was destroyed. */
async function handled(
  verbs: ReturnType<typeof verbsOf>,
  id: string,
  session: Fields,
  handler: Handler | undefined,
): Promise<{ readonly id: string; readonly session: Fields } | undefined> {
  let current: { readonly id: string; readonly session: Fields } | undefined = { id, session }
  const held = (): { readonly id: string; readonly session: Fields } => {
    if (current === undefined) throw new Error('the session was destroyed')
    return current
  }
  const visit: Visit = {
    get id() {
      return held().id
    },
    get session() {
      return held().session
    },
    save: () => verbs.set(held().id, held().session),
    async destroy() {
      await verbs.destroy(held().id)
      current = undefined
    },
    async regenerate() {
      const { cookie } = held().session
      await verbs.destroy(held().id)
      current = { id: newSecret(), session: { cookie: new Cookie({ originalMaxAge: cookie.originalMaxAge }) } }
    },
  }
  await handler?.(visit)
  current?.session.cookie.touch()
  return current
}

function verbsOf(store: StoreVerbs) {
  const set = promisify(store.set.bind(store))
  return {
    get: promisify(store.get.bind(store)),
    set,
    touch: store.touch === undefined ? set : promisify(store.touch.bind(store)),
    destroy: promisify(store.destroy.bind(store)),
  }
}

function fieldsText(session: Fields): string {
  return JSON.stringify({ ...session, cookie: undefined })
}
