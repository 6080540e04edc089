/** Health, readiness and metrics. They read no session. */
import type Router from '@koa/router'
import type { Metrics } from '../store/metrics.ts'
import type { RequestState } from '../request.ts'
import type { Readiness } from './readiness.ts'

export interface OperationsOptions {
  readonly metrics: Metrics
  readonly ready: () => Promise<Readiness>
}

export function operationsRoutes(router: Router<RequestState>, { metrics, ready }: OperationsOptions): void {
  router.get('/healthz', (ctx) => {
    ctx.body = { alive: true }
  })

  router.get('/readyz', async (ctx) => {
    const { status, headers, body } = await ready()
    ctx.set(headers)
    ctx.status = status
    ctx.body = body
  })

  router.get('/metrics', async (ctx) => {
    ctx.set('Content-Type', metrics.contentType)
    ctx.body = await metrics.text()
  })
}
