import test, { type ExecutionContext } from 'ava'
import Koa from 'koa'
import {
  BINDING_FIELD,
  sessionBinder,
  sessionBinding,
  type SessionBindingOptions,
} from '../../src/protection/binding.ts'
import { sessions } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { type Heard, listening, say } from '../support/koa-server.ts'

const KEY = 'a key of thirty-two characters, 1'
const NEW_KEY = 'a key of thirty-two characters, 2'
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
const NEWER_FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0.1'
const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36'
const HOME = { agent: FIREFOX, address: '192.0.2.1' }

for (const [what, client, agent, network, expected] of [
  ['the same client', HOME, 'end', 'end', 'ignore'],
  ['a newer version of its browser', { ...HOME, agent: NEWER_FIREFOX }, 'end', 'end', 'ignore'],
  ['another address of its network', { ...HOME, address: '::ffff:192.0.2.200' }, 'end', 'end', 'ignore'],
  ['another browser', { ...HOME, agent: CHROME }, 'ignore', 'end', 'ignore'],
  ['another browser', { ...HOME, agent: CHROME }, 're-authenticate', 'end', 're-authenticate'],
  ['another browser', { ...HOME, agent: CHROME }, 'end', 'ignore', 'end'],
  ['no browser', { ...HOME, agent: '' }, 'end', 'ignore', 'end'],
  ['another network', { ...HOME, address: '192.0.3.1' }, 'end', 'ignore', 'ignore'],
  ['another network', { ...HOME, address: '192.0.3.1' }, 'ignore', 're-authenticate', 're-authenticate'],
  ['both', { agent: CHROME, address: '2001:db8::1' }, 're-authenticate', 'end', 'end'],
  ['both', { agent: CHROME, address: '2001:db8::1' }, 'end', 're-authenticate', 'end'],
] as const) {
  test(`${what}, with '${agent}' for the browser and '${network}' for the network: ${expected}`, (t) => {
    const binder = sessionBinder({ keys: [KEY], agent, network })
    t.is(binder.judge(binder.mark(HOME), client).policy, expected)
  })
}

test('how much of an address is the network can be chosen', (t) => {
  const networkSize = { ipv4Bits: 16 }
  const binder = sessionBinder({ keys: [KEY], network: 'end', networkSize })
  t.is(binder.judge(binder.mark(HOME), { ...HOME, address: '192.0.77.1' }).policy, 'ignore')
  t.is(binder.judge(binder.mark(HOME), { ...HOME, address: '192.1.2.1' }).policy, 'end')
})

test('a mark is a short keyed hash that tells neither browser nor network, and no two keys make the same', (t) => {
  const mark = sessionBinder({ keys: [KEY] }).mark(HOME)
  t.regex(mark, /^[\w-]{4}\.[\w-]{22}\.[\w-]{22}$/)
  t.not(mark, sessionBinder({ keys: [NEW_KEY] }).mark(HOME))
  t.is(sessionBinder({ keys: [KEY] }).mark({ ...HOME, agent: 'x'.repeat(10_000) }).length, mark.length)
})

test('a mark of an older key is known and made anew, and one of a key that is gone matches no client', (t) => {
  const mark = sessionBinder({ keys: [KEY] }).mark(HOME)
  const rotating = sessionBinder({ keys: [NEW_KEY, KEY] })
  t.deepEqual(rotating.judge(mark, HOME), { policy: 'ignore', renewed: rotating.mark(HOME) })
  t.deepEqual(rotating.judge(mark, { ...HOME, agent: CHROME }), { policy: 're-authenticate' })
  t.deepEqual(rotating.judge(rotating.mark(HOME), HOME), { policy: 'ignore' })
  t.is(sessionBinder({ keys: [NEW_KEY] }).judge(mark, HOME).policy, 're-authenticate')
})

for (const mark of [7, '', 'a.b', {}, null]) {
  test(`${JSON.stringify(mark)} is no mark, and matches no client`, (t) => {
    t.is(sessionBinder({ keys: [KEY], agent: 'end' }).judge(mark, HOME).policy, 'end')
  })
}

test('without a key there is no binding', (t) => {
  t.throws(() => sessionBinding({ keys: [] }), { code: 'SESSION_KEYS' })
})

/** As the client that has this user agent, with the cookie of the last login. */
type Get = (path: string, agent: string) => Promise<Heard>

async function site(t: ExecutionContext, options: Partial<SessionBindingOptions>): Promise<Get> {
  const binding = sessionBinding({ keys: [KEY], isLogin: (ctx) => ctx.path === '/login', ...options })
  const app = new Koa()
  sessions(app, { store: memoryStore(), keys: [KEY], secure: false })
  app.use(binding.guard)
  app.use(async (ctx) => {
    if (ctx.path === '/login') {
      Object.assign(ctx.session ?? {}, { user: 'u' })
      await ctx.session?.regenerate()
      binding.bind(ctx)
    }
    ctx.body = { user: ctx.session?.['user'], mark: ctx.session?.[BINDING_FIELD] }
  })
  const url = await listening(t, app)
  let cookie = ''
  return async (path, agent) => {
    const heard = await say(url + path, { headers: { 'User-Agent': agent, ...(cookie !== '' && { cookie }) } })
    cookie = heard.headers['set-cookie']?.[0]?.split(';')[0] ?? cookie
    return heard
  }
}

const userOf = ({ body }: Heard): unknown => (JSON.parse(body) as { user?: unknown }).user

test('a session that was never bound is not judged', async (t) => {
  const get = await site(t, { agent: 'end' })
  t.is((await get('/', FIREFOX)).status, 200)
  t.is((await get('/', CHROME)).status, 200)
})

test('a cookie in another browser has to log in again, and the session is as it was', async (t) => {
  const get = await site(t, { agent: 're-authenticate' })
  await get('/login', FIREFOX)
  t.is(userOf(await get('/', NEWER_FIREFOX)), 'u')
  const stolen = await get('/', CHROME)
  t.is(stolen.status, 401)
  t.is(stolen.headers['set-cookie'], undefined)
  t.is(userOf(await get('/', FIREFOX)), 'u')
  t.is((await get('/login', CHROME)).status, 200)
  t.is(userOf(await get('/', CHROME)), 'u')
  t.is((await get('/', FIREFOX)).status, 401)
})

test('a cookie in another browser can end the session for everyone', async (t) => {
  const get = await site(t, { agent: 'end' })
  await get('/login', FIREFOX)
  const stolen = await get('/', CHROME)
  t.is(stolen.status, 401)
  t.regex(stolen.headers['set-cookie']?.[0] ?? '', /^sid=;/)
  t.is(userOf(await get('/', FIREFOX)), undefined)
})

test('what the session keeps of the client is in its reserved field, and tells nothing', async (t) => {
  const get = await site(t, {})
  const { body } = await get('/login', FIREFOX)
  t.regex(body, /"mark":"[\w-]{4}\./)
  t.notRegex(body, /Firefox|Linux/)
})
