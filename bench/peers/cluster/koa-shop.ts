/** The shop on Koa, over whatever store koa-session is given. */
import Koa from 'koa'
import createSession, { type CreateSessionOptions } from 'koa-session'
import { answer, jsonBody, serve } from './shop.ts'
import { MAX_AGE_MS, SIGNING_KEY } from '../secrets.ts'

export type Store = NonNullable<CreateSessionOptions['store']>

export function koaShop(store: Store): void {
  const app = new Koa()
  app.keys = [SIGNING_KEY]
  app.use(createSession({ store, maxAge: MAX_AGE_MS }, app))
  app.use(async (ctx) => {
    const { status, body } = await answer(ctx.method, ctx.path, await jsonBody(ctx.req), {
      fields: () => ctx.session ?? {},
      renew: async () => ctx.session?.regenerate(),
      end: async () => void (ctx.session = null),
    })
    ctx.status = status
    if (body !== undefined) ctx.body = body
  })
  const listener = app.callback()
  serve((request, response) => void listener(request, response))
}
