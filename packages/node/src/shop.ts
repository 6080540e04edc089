/**
 * The shop as a Koa application. The order of the middleware matters: first what every request gets, then error handling, the check
 * of path and method, the routes without a session, and only then the session and its routes. So an outage of the store affects
 * only routes that need it, and no probe reads a session.
 */
import type { RequestListener, Server } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import type { Logger } from 'pino'
import {
  idempotency,
  loginThrottle,
  sameOrigin,
  sessions,
  type SessionStore,
  StoreUnavailableError,
} from '@ninelives/sessions'
import type { Accounts } from './shop/accounts.ts'
import type { CrashPoints } from './request/crash-points.ts'
import { errors } from './errors.ts'
import { takesSockets } from '@ninelives/sessions/sockets'
import { type Floor, floor, FLOOR_PATH } from './floor/floor.ts'
import { floorMetrics } from './floor/metrics.ts'
import { knownRoutes } from './request/guard.ts'
import { storeHealth } from './store/health.ts'
import { shopMetrics } from './store/metrics.ts'
import type { ProbeAnswer } from './probe-connections.ts'
import { type SeenVisitor, seenVisitors } from './request/seen-visitors.ts'
import { commonHeaders, observed, requestLog, type RequestState } from './request.ts'
import { cartRoutes } from './routes/cart.ts'
import { counterRoutes } from './routes/counter.ts'
import { loginRoutes } from './routes/login.ts'
import { operationsRoutes } from './routes/operations.ts'
import { labRoutes } from './routes/lab.ts'
import { pageRoutes } from './routes/page.ts'
import { probeAnswers, readiness } from './routes/readiness.ts'
import { userRoutes } from './routes/user.ts'
import { type NodeTelemetry, nodeTelemetry } from './store/telemetry.ts'

export interface ShopOptions {
  /** The name under which this node answers. */
  readonly node: string
  /** The caller opens and closes it. */
  readonly store: SessionStore
  /** Secrets that sign the cookie, newest first. */
  readonly keys: readonly string[]
  /** Whether the cookie is Secure. */
  readonly secure: boolean
  readonly idleTimeoutMs: number
  /** The idle timeout of a session without a user. Default: half of `idleTimeoutMs`. */
  readonly visitorIdleTimeoutMs?: number
  readonly absoluteTimeoutMs: number
  readonly accounts: Accounts
  /** The number of proxies in front that append to X-Forwarded-For. Default 0: the peer is the client. */
  readonly proxiesInFront?: number
  /** Padding that each login adds to its session. Default 0. */
  readonly sessionPaddingBytes?: number
  /** Whether wrong passwords are limited. Default true. */
  readonly throttleLogins?: boolean
  /** Whether the new sessions of one address are limited. Default true. */
  readonly throttleVisitors?: boolean
  readonly log: Logger
  /** Default: one of its own. */
  readonly telemetry?: NodeTelemetry
  /** Why the store is not open yet; undefined when it is open. Default: it is open. */
  readonly storeAwaited?: () => string | undefined
  /** Whether the node drains. */
  readonly isDraining?: () => boolean
  /** The lab's crash points. */
  readonly crashPoints?: CrashPoints | undefined
  /** The lab's control API. */
  readonly labUrl?: string | undefined
  /** Called when a person's browser was answered. */
  readonly onVisitor?: ((seen: SeenVisitor) => void) | undefined
}

/** Enough for the largest cart that the routes accept, with the longest skus. */
export const SESSION_BYTES_MAX = 512 * 1024

const UNTHROTTLED = { burstPerAddress: Number.MAX_SAFE_INTEGER } as const

/** Paths are exact: no trailing slash, case-sensitive. */
const EXACT = { strict: true, sensitive: true }

export interface Shop {
  readonly onRequest: RequestListener
  /** The answer to a balancer's probe, for one that does not come as a request. */
  readonly answerProbe: () => Promise<ProbeAnswer>
  /** Takes the floor's upgrades of a server. Undefined where a socket can't have a session. */
  readonly openFloor: (server: Server) => Floor | undefined
}

export function shop(options: ShopOptions): Shop {
  const { node, store, keys, secure, idleTimeoutMs, absoluteTimeoutMs, accounts, log, crashPoints } = options
  const isDraining = options.isDraining ?? (() => false)
  const { telemetry = nodeTelemetry(log), storeAwaited = () => undefined } = options
  const sessionsHeld = () => store.localSessionCount?.() ?? 0
  let opened: Floor | undefined
  const ofFloor = floorMetrics(() => opened?.report())
  const metrics = shopMetrics({ registry: telemetry.registry, node, sessionsHeld, others: ofFloor.all })
  const healthy = storeHealth({ health: () => layer.health() })

  const open = new Router<RequestState>(EXACT)
  const ready = readiness({
    storeAmiss: async () => storeAwaited() ?? (await healthy()),
    storeWarnings: () => store.report?.().warnings ?? [],
    isDraining,
    keyedRoutes: () => routesWith([once, onceWithoutPayload], api),
  })
  operationsRoutes(open, { metrics, ready })
  open.get(FLOOR_PATH, (ctx) => {
    ctx.body = { open: takesSockets(layer) }
  })
  pageRoutes(open)
  labRoutes(open, { labUrl: options.labUrl, log })

  const api = new Router<RequestState>(EXACT)
  const throttle = options.throttleLogins === false ? undefined : loginThrottle({ store, onEvent: telemetry.onEvent })
  const once = idempotency()
  const onceWithoutPayload = idempotency({ payloadOf: () => '' })
  const paddingBytes = options.sessionPaddingBytes ?? 0
  loginRoutes(api, { node, accounts, throttle, once, onceWithoutPayload, paddingBytes, onLogin: telemetry.login })
  cartRoutes(api, { node, once })
  counterRoutes(api, { node, once })
  userRoutes(api, () => layer.users)

  const { proxiesInFront = 0 } = options
  // Without a count Koa takes the leftmost address, which a client can forge if the proxy appends.
  const app = new Koa<RequestState>({ proxy: proxiesInFront > 0, maxIpsCount: proxiesInFront })
  app.on('error', (error: Error, ctx?: Koa.ParameterizedContext<RequestState>) => logLeftover(log, error, ctx))
  const finished = requestLog(log, metrics)
  app.use(observed({ node, finished, isDraining, during: telemetry.during }))
  app.use(errors(log))
  app.use(knownRoutes(open, api))
  app.use(open.routes())
  app.use(sameOrigin())
  app.use(async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store')
    await next()
  })
  app.use(async (_ctx, next) => {
    if (storeAwaited() !== undefined) throw new StoreUnavailableError(store.name)
    await next()
  })
  if (crashPoints !== undefined) app.use(crashPoints.middleware)
  const layer = sessions(app, {
    store,
    keys,
    secure,
    idleTimeoutMs,
    absoluteTimeoutMs,
    visitors: {
      idleTimeoutMs: options.visitorIdleTimeoutMs ?? idleTimeoutMs / 2,
      ...(options.throttleVisitors === false && UNTHROTTLED),
    },
    dataBytesMax: SESSION_BYTES_MAX,
    metrics: telemetry.metrics,
    tracing: telemetry.tracing,
    onEvent: telemetry.logged,
    ...(crashPoints === undefined ? {} : { onStep: crashPoints.onStep }),
  })
  if (options.onVisitor !== undefined) app.use(seenVisitors(options.onVisitor))
  app.use(api.routes())

  const byKoa = app.callback()
  const headersOf = (requestId: string) => commonHeaders(node, requestId)
  return {
    onRequest: (request, response) => void byKoa(request, response),
    answerProbe: probeAnswers({ ready, headersOf, isDraining, finished }),
    openFloor: (server) => {
      if (!takesSockets(layer)) return undefined
      opened = floor(layer, {
        node,
        server,
        crashPoints,
        onError: (err) => log.error({ err }, 'floor failed'),
        onRevoked: ofFloor.revoked,
      })
      return opened
    },
  }
}

/** Names such as `POST /api/cart`, derived from the routes, so that the list can't differ from them. */
function routesWith(middleware: readonly Koa.Middleware[], router: Router<RequestState>): string[] {
  const layers = router.stack.filter(({ stack }) => stack.some((each) => middleware.includes(each as Koa.Middleware)))
  return layers.flatMap(({ methods, path }) => methods.map((method) => `${method} ${String(path)}`))
}

/** Errors after the answer was made, nearly always because the client disconnected. */
function logLeftover(
  log: Logger,
  error: Error & { code?: string },
  ctx?: Koa.ParameterizedContext<RequestState>,
): void {
  const level = error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'debug' : 'error'
  log[level]({ requestId: ctx?.state.requestId, err: error }, 'answer failed')
}
