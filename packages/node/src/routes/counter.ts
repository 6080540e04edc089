/** A number that must not miss a beat: what a merge by field would get wrong, and `update` gets right. */
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
    // Open to whoever comes: a visitor who is not logged in begins a session of nobody's here.
    const count = await sessionOf(ctx).update('count', (draft) => {
      const fields = shopFields(draft)
      fields.count = (fields.count ?? 0) + 1
      return fields.count
    })
    ctx.body = { count, node }
  })
}
