import test, { type ExecutionContext } from 'ava'
import Koa from 'koa'
import { sessionHeaders, type SessionHeadersOptions } from '../../src/protection/headers.ts'
import { StoreUnavailableError } from '../../src/errors.ts'
import { sessions, type SessionsOptions } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { type Heard, listening, say } from '../support/koa-server.ts'

const LASTING = 'public, max-age=60'

async function site(
  t: ExecutionContext,
  options: SessionHeadersOptions = {},
  layer: Partial<SessionsOptions> = {},
): Promise<(path: string) => Promise<Heard>> {
  const app = new Koa()
  app.use(sessionHeaders(options))
  app.use(async (ctx, next) => (ctx.path === '/file' ? cached(ctx) : await next()))
  sessions(app, { store: memoryStore(), keys: ['a key of thirty-two characters, 1'], secure: false, ...layer })
  app.use(async (ctx) => {
    switch (ctx.path) {
      case '/login':
        ctx.session = { user: 'u' }
        cached(ctx)
        break
      case '/logout':
        ctx.session = null
        ctx.status = 204
        break
      case '/fail':
        ctx.throw(409, 'no', { headers: { 'X-Reason': 'a conflict' } })
        break
      default:
        cached(ctx)
    }
  })
  const url = await listening(t, app)
  let cookie = ''
  return async (path) => {
    const heard = await say(url + path, { headers: cookie === '' ? {} : { cookie } })
    cookie = heard.headers['set-cookie']?.[0]?.split(';')[0] ?? cookie
    return heard
  }
}

function cached(ctx: Koa.Context): void {
  ctx.set('Cache-Control', LASTING)
  ctx.body = 'text'
}

test('an answer that set or read a session is never stored by a cache, whatever the handler said', async (t) => {
  const get = await site(t)
  t.is((await get('/login')).headers['cache-control'], 'no-store')
  t.is((await get('/')).headers['cache-control'], 'no-store')
  t.is((await get('/logout')).headers['cache-control'], 'no-store')
})

test('an answer to a client without a session, or from in front of the session, is cached as the handler said', async (t) => {
  const get = await site(t)
  t.is((await get('/')).headers['cache-control'], LASTING)
  await get('/login')
  t.is((await get('/file')).headers['cache-control'], LASTING)
})

test('a failed answer that read a session is not stored either, and keeps the headers of its error', async (t) => {
  const get = await site(t)
  t.is((await get('/fail')).headers['cache-control'], undefined)
  await get('/login')
  const failed = await get('/fail')
  t.is(failed.status, 409)
  t.is(failed.headers['cache-control'], 'no-store')
  t.is(failed.headers['x-reason'], 'a conflict')
})

test('an application may cache what does not depend on the session, but never an answer that sets a cookie', async (t) => {
  const get = await site(t, { cacheable: () => true })
  t.is((await get('/login')).headers['cache-control'], 'no-store')
  t.is((await get('/')).headers['cache-control'], LASTING)
})

test('an answer from the last known copy, while the store is down, is not stored either', async (t) => {
  const store = memoryStore()
  const get = await site(t, {}, { store, outage: 'read-only' })
  await get('/login')
  await get('/')
  store.read = () => Promise.reject(new StoreUnavailableError('memory'))
  const heard = await get('/')
  t.is(heard.status, 200)
  t.is(heard.headers['cache-control'], 'no-store')
})

test('at logout, and only there, the browser is told to clear what the page kept', async (t) => {
  const get = await site(t)
  for (const path of ['/login', '/', '/fail']) t.is((await get(path)).headers['clear-site-data'], undefined, path)
  t.is((await get('/logout')).headers['clear-site-data'], '"storage"')
})

test('a logout of a client whose session had ended clears as well', async (t) => {
  const get = await site(t)
  t.is((await get('/logout')).headers['clear-site-data'], '"storage"')
})

test('what to clear can be chosen, and what no browser knows is refused', async (t) => {
  t.is(
    (await (await site(t, { clearSiteData: ['cookies', 'storage'] }))('/logout')).headers['clear-site-data'],
    '"cookies", "storage"',
  )
  t.is((await (await site(t, { clearSiteData: [] }))('/logout')).headers['clear-site-data'], undefined)
  t.throws(() => sessionHeaders({ clearSiteData: ['*' as 'cache'] }), { code: 'SESSION_HEADERS_CONFIG' })
})
