/** A counter, changed by `update`: a merge by field would lose concurrent increments. */
import type Router from '@koa/router'
import type Koa from 'koa'
import type { RequestState } from '../request.ts'
import { sessionOf, shopFields } from '../shop/visitor.ts'

export interface CounterOptions {
  readonly node: string
  readonly once: Koa.Middleware
}

export function counterRoutes(router: Router<RequestState>, { node, once }: CounterOptions): void {
  router.post('/api/counter', once, async (ctx) => {
    // Without a login this begins a visitor's session.
    await sessionOf(ctx).update('count', increment, { answer: (_stored, { result: count }) => ({ count, node }) })
  })
}

function increment(draft: Record<string, unknown>): number {
  const fields = shopFields(draft)
  fields.count = (fields.count ?? 0) + 1
  return fields.count
}
