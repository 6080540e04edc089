/** What machines ask: alive, ready, and how it goes. None of it reads a session. */
import { randomUUID } from 'node:crypto'
import type Router from '@koa/router'
import type { StoreHealth } from '../store/health.ts'
import type { Metrics } from '../store/metrics.ts'
import type { RequestState } from '../request.ts'

export interface OperationsOptions {
  readonly metrics: Metrics
  readonly storeAmiss: StoreHealth
  /** What is amiss with the store while it serves. */
  readonly storeWarnings: () => readonly string[]
  readonly isDraining: () => boolean
  /** Where a request is known again by its Idempotency-Key, as in `POST /api/cart`. */
  readonly keyedRoutes: () => readonly string[]
}

export function operationsRoutes(router: Router<RequestState>, options: OperationsOptions): void {
  const { metrics, storeAmiss, storeWarnings, isDraining, keyedRoutes } = options
  // Which life of this node it is: a balancer that pins clients to it must not take the next one for the same.
  const incarnation = randomUUID()

  router.get('/healthz', (ctx) => {
    ctx.body = { alive: true }
  })

  // A balancer that reads this gives a key to each request there that has none, and may then send it again.
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
