/** Whether this node takes traffic, as balancers ask several times a second. */
import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { type Finished, requestIdOf } from '../request.ts'
import type { StoreHealth } from '../store/health.ts'

export interface ReadinessOptions {
  readonly storeAmiss: StoreHealth
  /** The store's warnings while it serves. */
  readonly storeWarnings: () => readonly string[]
  readonly isDraining: () => boolean
  /** The routes that honour an Idempotency-Key, such as `POST /api/cart`. */
  readonly keyedRoutes: () => readonly string[]
}

export interface Readiness {
  readonly status: 200 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
}

export function readiness({ storeAmiss, storeWarnings, isDraining, keyedRoutes }: ReadinessOptions) {
  // The node's incarnation: a balancer with affinity must notice a restart.
  const incarnation = randomUUID()
  // The balancer adds a key to requests of these routes without one, and may then retry them.
  let honoured: string | undefined

  return async (): Promise<Readiness> => {
    honoured ??= keyedRoutes().join(', ')
    const amiss = isDraining() ? undefined : await storeAmiss()
    const reason = isDraining() ? 'draining' : amiss === undefined ? undefined : 'store'
    const detail = amiss === undefined ? storeWarnings() : [amiss, ...storeWarnings()]
    return {
      status: reason === undefined ? 200 : 503,
      headers: { 'Cache-Control': 'no-store', 'X-Incarnation': incarnation, 'Idempotency-Key-Honoured': honoured },
      body: { ready: reason === undefined, ...(reason && { reason }), ...(detail.length > 0 && { detail }) },
    }
  }
}

export interface ProbeOptions {
  readonly ready: () => Promise<Readiness>
  readonly headersOf: (requestId: string) => Readonly<Record<string, string>>
  readonly isDraining: () => boolean
  readonly finished: (request: Finished) => void
}

/** Answers `GET /readyz` as Koa would, at a third of the CPU time: probes are most of what an idle node does. */
export function probeListener({ ready, headersOf, isDraining, finished }: ProbeOptions): RequestListener {
  return (request, response) => {
    const startedAtMs = performance.now()
    const requestId = requestIdOf(String(request.headers['x-request-id'] ?? ''))
    void ready().then(({ status, headers, body }) => {
      const text = JSON.stringify(body)
      response.writeHead(status, {
        ...headersOf(requestId),
        ...headers,
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Length': Buffer.byteLength(text),
        ...(isDraining() && { Connection: 'close' }),
      })
      response.end(text)
      finished({ requestId, method: 'GET', route: '/readyz', status, startedAtMs })
    })
  }
}
