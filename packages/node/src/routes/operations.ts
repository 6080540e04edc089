/** Health, readiness and metrics. They read no session. */
import { randomUUID } from 'node:crypto'
import type Router from '@koa/router'
import type { StoreHealth } from '../store/health.ts'
import type { Metrics } from '../store/metrics.ts'
import type { RequestState } from '../request.ts'

export interface OperationsOptions {
  readonly metrics: Metrics
  readonly storeAmiss: StoreHealth
  /** The store's warnings while it serves. */
  readonly storeWarnings: () => readonly string[]
  readonly isDraining: () => boolean
  /** The routes that honour an Idempotency-Key, such as `POST /api/cart`. */
  readonly keyedRoutes: () => readonly string[]
}

export function operationsRoutes(router: Router<RequestState>, options: OperationsOptions): void {
  const { metrics, storeAmiss, storeWarnings, isDraining, keyedRoutes } = options
  // The node's incarnation: a balancer with affinity must notice a restart.
  const incarnation = randomUUID()

  router.get('/healthz', (ctx) => {
    ctx.body = { alive: true }
  })

  // The balancer adds a key to requests of these routes without one, and may then retry them.
  let honoured: string | undefined

  router.get('/readyz', async (ctx) => {
    honoured ??= keyedRoutes().join(', ')
    const amiss = isDraining() ? undefined : await storeAmiss()
    const reason = isDraining() ? 'draining' : amiss === undefined ? undefined : 'store'
    const detail = amiss === undefined ? storeWarnings() : [amiss, ...storeWarnings()]
    ctx.set({ 'Cache-Control': 'no-store', 'X-Incarnation': incarnation, 'Idempotency-Key-Honoured': honoured })
    ctx.status = reason === undefined ? 200 : 503
    ctx.body = { ready: reason === undefined, ...(reason && { reason }), ...(detail.length > 0 && { detail }) }
  })

  router.get('/metrics', async (ctx) => {
    ctx.set('Content-Type', metrics.contentType)
    ctx.body = await metrics.text()
  })
}
