/** What stands before every route: only paths and methods that exist. */
import type Router from '@koa/router'
import type Koa from 'koa'
import { RequestError } from '../errors.ts'
import type { RequestState } from '../request.ts'

/**
 * Refuses what no route takes, before a session is read for it: an unknown path is 404 with the store down as well, and
 * costs no read. Also the place that knows the route's pattern first, so that a refusal further in is counted under it.
 */
export function knownRoutes(...routers: readonly Router<RequestState>[]): Koa.Middleware<RequestState> {
  return async (ctx, next) => {
    const layers = routers.flatMap((router) => router.match(ctx.path, ctx.method).path)
    const [first] = layers
    if (first === undefined) throw new RequestError(404, 'NOT_FOUND', 'There is nothing at this address.')
    ctx.state.route = String(first.path)
    const methods = new Set(layers.flatMap((layer) => layer.methods))
    if (!methods.has(ctx.method)) {
      const allow = [...methods].sort().join(', ')
      throw new RequestError(405, 'METHOD_NOT_ALLOWED', `This address takes ${allow}.`, { Allow: allow })
    }
    await next()
  }
}
