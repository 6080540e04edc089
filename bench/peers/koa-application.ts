/** The routes on Koa, over whatever session middleware is installed. */
import Koa from 'koa'
import { handle, serve, SIGNING_KEY } from './host.ts'

export function koaApplication(install: (app: Koa) => void): void {
  const app = new Koa()
  app.keys = [SIGNING_KEY]
  install(app)
  app.use((ctx) => {
    ctx.body = handle(ctx.method, ctx.url, ctx.session)
  })
  const listener = app.callback()
  serve((request, response) => void listener(request, response))
}
