/** Lists and ends the user's other sessions. */
import type Router from '@koa/router'
import type { UsersSessions } from '@ninelives/sessions'
import { RequestError } from '../errors.ts'
import type { RequestState } from '../request.ts'
import { loggedIn } from '../shop/visitor.ts'

/** `users` is a function, as the routes are created before the session layer is installed. */
export function userRoutes(router: Router<RequestState>, users: () => UsersSessions): void {
  router.get('/api/sessions', async (ctx) => {
    const { user } = loggedIn(ctx)
    const sessions = await users().list(user)
    ctx.body = {
      sessions: sessions.map(({ id, createdAtMs, lastSeenAtMs, expiresAtMs, device, unreadable }) => ({
        id,
        current: id === ctx.sessionInfo?.id,
        createdAt: new Date(createdAtMs).toISOString(),
        lastSeenAt: new Date(lastSeenAtMs).toISOString(),
        expiresAt: new Date(expiresAtMs).toISOString(),
        userAgent: device,
        unreadable,
      })),
    }
  })

  router.delete('/api/sessions/:id', async (ctx) => {
    const { user } = loggedIn(ctx)
    const id = ctx.params['id'] ?? ''
    if (id === ctx.sessionInfo?.id) ctx.session = null
    else if (!(await users().end(user, id))) throw new RequestError(404, 'NO_SUCH_SESSION', 'You have no such session.')
    ctx.status = 204
  })

  router.post('/api/logout-everywhere', async (ctx) => {
    const { user } = loggedIn(ctx)
    await users().endAll(user)
    ctx.session = null
    ctx.status = 204
  })
}
