/** Sessions for a framework that has no adapter: plain `node:http`, Hono, the route handlers of Next and other web frameworks. */
import type { IncomingMessage } from 'node:http'
import { throwToClient } from '../client-error.ts'
import { sessionEngine } from '../engine/engine.ts'
import { engineOptionsIn } from '../context/engine-options.ts'
import type { SessionStore } from '../contract.ts'
import { lastingCookies } from '../cookie/cookie-news.ts'
import { cookieForm } from '../cookie/cookie-options.ts'
import { sealedCookies, valuesOf } from '../cookie/request-cookies.ts'
import { cookieSealer } from '../secrets/cookie.ts'
import type { SessionId } from '../secrets/id.ts'
import type { SessionFields } from '../session-fields.ts'
import { SOCKET_ACCESS, type SocketLayer } from '../socket-access.ts'
import { reported, type SessionsReport } from '../observability/session-counts.ts'
import { guardedStore } from '../stores/guard/guarded-store.ts'
import { type UsersSessions, usersSessions } from '../users/users.ts'
import { checkedWebOptions, type RequestWithHeaders, type WebSessionsOptions } from './web-options.ts'
import { LoadedSession, type WebSession } from './web-session.ts'

export interface WebSessions<
  Fields extends object = SessionFields,
  Incoming extends RequestWithHeaders = RequestWithHeaders,
> extends SocketLayer {
  /** The session that the request's cookie names, or an empty one that is stored when there is something in it. */
  load(request: Incoming): Promise<WebSession<Fields>>
  /** Resolves when the store serves. */
  health(): Promise<void>
  /** A user's sessions, to list and to end. */
  readonly users: UsersSessions
  /** What was counted since this process made the layer. */
  report(): SessionsReport
  /** For what else keeps its records there, such as `loginThrottle({ store })`. */
  readonly store: SessionStore
  /** Closes a store that was named by its URL; one that the application opened is left. */
  close(): Promise<void>
}

/** `Fields` is what the application keeps in a session, `Incoming` the request that `addressOf` gets. */
export function createSessions<
  Fields extends object = SessionFields,
  Incoming extends RequestWithHeaders = RequestWithHeaders,
>(given: WebSessionsOptions<Fields, Incoming>): WebSessions<Fields, Incoming> {
  const options = checkedWebOptions(given as unknown as WebSessionsOptions)
  const { guard, onEvent, onStoreCall, tracing, addressOf, secure } = options
  const keys = options.keys as readonly string[]
  const store = guardedStore(options.store, guard, { onEvent, onStoreCall, tracing })
  const engine = sessionEngine({ ...engineOptionsIn(options), store })
  const { name, attributes } = cookieForm(options)
  const cookieValues = valuesOf(name)
  const sealer = cookieSealer(keys)
  const { path, domain, sameSite } = attributes

  const headerOf = (value: string, expiresAtMs: number | undefined): string =>
    [
      `${name}=${value}`,
      `path=${path}`,
      ...(expiresAtMs === undefined ? [] : [`expires=${new Date(expiresAtMs).toUTCString()}`]),
      ...(domain === undefined ? [] : [`domain=${domain}`]),
      `samesite=${sameSite}`,
      ...(secure ? ['secure'] : []),
      'httponly',
    ].join('; ')
  const cookie = { sealer, isKept: lastingCookies(options.maxAge), headerOf }
  const { tellEndedBefore } = engine

  const load = async (request: Incoming): Promise<LoadedSession> => {
    const device = headerIn(request, 'user-agent') ?? ''
    const sealed = sealedCookies(sealer, cookieValues(headerIn(request, 'cookie')))
    const begin = () => engine.create(device, addressOf?.(request))
    // A sibling domain may have planted another cookie of ours: the first that has a session counts.
    for (const presented of sealed) {
      const session = await engine.open(presented.id, device)
      if (session !== undefined) return new LoadedSession({ cookie, session, presented, begin, tellEndedBefore })
    }
    return new LoadedSession({ cookie, session: undefined, presented: sealed[0], begin, tellEndedBefore })
  }

  const idsOf = (request: IncomingMessage): SessionId[] =>
    sealedCookies(sealer, cookieValues(request.headers.cookie)).map(({ id }) => id)

  const report = (): SessionsReport => reported(engine.counts)
  options.metrics?.watch({ report, store: options.store })
  return {
    load: (request) => load(request).catch(throwToClient) as Promise<unknown> as Promise<WebSession<Fields>>,
    health: () => store.health(),
    users: usersSessions(engine),
    store: options.store,
    report,
    close: async () => {
      if (options.opensStore) await options.store.close()
    },
    [SOCKET_ACCESS]: { engine, secure, ids: { by: 'cookie', of: idsOf } },
  }
}

function headerIn({ headers }: RequestWithHeaders, name: 'cookie' | 'user-agent'): string | undefined {
  return 'get' in headers && typeof headers.get === 'function'
    ? (headers.get(name) ?? undefined)
    : (headers as Record<string, string | undefined>)[name]
}
