/** Whether this node takes traffic, as balancers ask several times a second. */
import { randomUUID } from 'node:crypto'
import type { ProbeAnswer } from '../probe-connections.ts'
import type { Finished } from '../request.ts'
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

/** The same answer as Koa's route, for probes that do not get that far. */
export function probeAnswers({ ready, headersOf, isDraining, finished }: ProbeOptions): () => Promise<ProbeAnswer> {
  return async () => {
    const startedAtMs = performance.now()
    const requestId = randomUUID()
    const { status, headers, body } = await ready()
    finished({ requestId, method: 'GET', route: '/readyz', status, startedAtMs })
    return {
      status,
      headers: { ...headersOf(requestId), ...headers, 'Content-Type': 'application/json; charset=utf-8' },
      body: JSON.stringify(body),
      isLast: isDraining(),
    }
  }
}
