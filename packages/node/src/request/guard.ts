/** Refuses unknown paths and methods before any route runs. */
import type Router from '@koa/router'
import type Koa from 'koa'
import { RequestError } from '../errors.ts'
import type { RequestState } from '../request.ts'

/**
 * Runs before the session is read, so an unknown path costs no read and is 404 also while the store is down. It also notes the
 * route's pattern, so that later refusals are counted under it.
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
