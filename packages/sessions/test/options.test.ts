/** Options are checked at the entrance: `undefined` is the default, and what can't be used is refused with its name. */
import test from 'ava'
import Koa from 'koa'
import { sessionBinding } from '../src/protection/binding.ts'
import { sessionEngine } from '../src/engine/engine.ts'
import { expressStore, fastifyStore } from '../src/express/express.ts'
import { sessionHeaders } from '../src/protection/headers.ts'
import { idempotency } from '../src/koa/idempotency.ts'
import { sessions, type SessionsOptions } from '../src/koa/koa.ts'
import { loginThrottle } from '../src/protection/login-throttle.ts'
import { openStore } from '../src/stores/open-store.ts'
import { SessionOptionsError } from '../src/options.ts'
import { sameOrigin } from '../src/protection/same-origin.ts'
import { memoryStore } from '../src/stores/memory.ts'
import { usersSessions } from '../src/users/users.ts'
import { StoreConfigError } from '../src/errors.ts'
import { createSessions } from '../src/web/index.ts'
import { listening, say } from './support/koa-server.ts'
import { client, type Handler, KEY, shop } from './support/shop.ts'

const routes: Readonly<Record<string, Handler>> = {
  '/begin': (ctx) => void Object.assign(ctx.session ?? {}, { user: 'u' }),
  '/logout': (ctx) => {
    ctx.session = null
  },
  '/': (ctx) => ctx.session,
}

const OPTIONS = [
  'cookieName needed outage guard clock random idleTimeoutMs absoluteTimeoutMs rotationGraceMs onTheft userOf resolvers',
  'sameSite domain maxAge valid beforeSave autoCommit commitTimeMaxMs idempotencyWindowMs idempotencyBytesMax idempotencyKeysMax',
  'onStoreCall visitors',
  'dataBytesMax requestTimeMaxMs sessionsPerUserMax commitAttemptsMax lastKnown onStep onEvent',
]

test('an option that is undefined is as if it were not there', async (t) => {
  const names = OPTIONS.join(' ').split(' ')
  for (const options of names.map((name) => ({ [name]: undefined }))) {
    const browser = client(await shop(t, routes, options))
    await browser.get('/begin')
    t.deepEqual((await browser.get('/')).body, { user: 'u' }, Object.keys(options)[0])
    await browser.get('/logout')
    t.is(browser.cookie, undefined)
  }
})

const koaSessionStore = { get: () => {}, set: () => {}, destroy: () => {} }

/** Of each set of options, what is said of it. */
const refused: Readonly<Record<string, [options: Record<string, unknown>, said: string | RegExp]>> = {
  'a time that is NaN': [
    { idleTimeoutMs: Number.NaN },
    'sessions(): idleTimeoutMs takes milliseconds from 1 to 315360000000 (ten years), not NaN.',
  ],
  'a time without an end': [{ absoluteTimeoutMs: Infinity }, /not Infinity\. A store keeps an instant/],
  'a time below zero': [{ rotationGraceMs: -1 }, /rotationGraceMs takes milliseconds from 0/],
  'a time that is a text': [{ idleTimeoutMs: '1800000' }, /not '1800000'\.$/],
  'null for a time': [{ idleTimeoutMs: null }, /idleTimeoutMs takes .* not null\.$/],
  'no tries at all': [{ commitAttemptsMax: 0 }, /commitAttemptsMax takes a whole number from 1, not 0/],
  'a policy that there is not': [
    { outage: 'open' },
    /outage takes 'closed' or 'anonymous' or 'read-only', or a function/,
  ],
  'theft that is ignored': [{ onTheft: 'ignore' }, /onTheft takes 'end' or 'report'/],
  'a resolver by name': [{ resolvers: { n: 'sum' } }, /resolvers takes an object, each value a function/],
  'a setting of the guard': [{ guard: { callTimeoutMs: 0 } }, /sessions\(\): guard: callTimeoutMs takes milliseconds/],
  'a wait that no timer takes': [
    { guard: { callTimeoutMs: 2 ** 31 } },
    'sessions(): guard: callTimeoutMs takes milliseconds from 1 to 2147483647 (24 days, the longest that a timer takes), not 2147483648.',
  ],
  'a commit that may wait for longer than a timer takes': [
    { commitTimeMaxMs: 2 ** 31 },
    /^sessions\(\): commitTimeMaxMs takes milliseconds from 1 to 2147483647 .*, not 2147483648\.$/,
  ],
  'a guard with another setting': [
    { guard: { timeoutMs: 5 } },
    /guard has no option 'timeoutMs'\. It takes callTimeoutMs/,
  ],
  'a user that is a field': [{ userOf: 'user' }, /userOf takes a function, not 'user'/],
  'a misspelt option': [{ idleTimeout: 5 }, /has no option 'idleTimeout'\. It takes .*idleTimeoutMs/],
  'an unset key': [
    { keys: [undefined] },
    'sessions(): keys takes a list of secrets, each a text of 32 characters or more, not a list of 1. keys[0] is undefined: set the environment variable that it is read from, such as export SESSION_KEY=$(openssl rand -base64 32)',
  ],
  'a short key': [{ keys: [KEY, 'short'] }, /keys\[1\] has 5 characters\.$/],
  'no key': [{ keys: [] }, /keys takes a list of secrets/],
  'one key that is no list': [{ keys: KEY }, /keys takes a list of secrets/],
  "a koa-session's store": [{ store: koaSessionStore }, /It is a store for koa-session .* await openStore\(/],
  'a store that was not awaited': [{ store: openStore('memory:') }, /It is a promise: await it/],
  'a store that is a number': [{ store: 6379 }, /store takes a store's URL, or an opened session store, not 6379\.$/],
  'a store in a cookie, by its URL': [{ store: 'token:' }, /token: .* store: await openStore\('token:\.\.\.'\)/],
  'no store': [{ store: undefined }, /^sessions\(\) needs the option store: its URL, .*environment variable set/],
  'no keys': [{ keys: undefined }, /^sessions\(\) needs the option keys: a list of secrets of 32 .*openssl rand/],
  'both an idle timeout and a maxAge': [
    { maxAge: 5, idleTimeoutMs: 5 },
    /maxAge is the idle timeout, .* leave out idleTimeoutMs/,
  ],
  'a maxAge in words': [{ maxAge: 'long' }, /maxAge takes milliseconds .* or 'session', not 'long'/],
  'a name with its prefix': [{ cookieName: '__Host-sid' }, /'__Host-' is added where secure is true/],
  'a name that is none': [{ cookieName: 'a b' }, /cookieName takes a cookie's name/],
}

for (const [what, [options, said]] of Object.entries(refused)) {
  test(`refused at the start: ${what}`, (t) => {
    const given = { store: memoryStore(), keys: [KEY], secure: false, ...options } as unknown as SessionsOptions
    t.throws(() => sessions(new Koa(), given), { instanceOf: SessionOptionsError, message: said })
  })
}

const GONE = 'key maxage expires signed overwrite httpOnly path rolling renew encode decode genid prefix externalKey'

for (const name of [...GONE.split(' '), 'ContextStore']) {
  test(`koa-session's option ${name} is refused by name, with what to do instead`, (t) => {
    const given = { store: memoryStore(), keys: [KEY], secure: false, [name]: true } as unknown as SessionsOptions
    const { message } = t.throws(() => sessions(new Koa(), given), { instanceOf: SessionOptionsError })
    t.true(message.startsWith(`sessions() has no option '${name}'. `), message)
    t.notRegex(message, /It takes/)
  })
}

test('refused at the start: a URL that names no store', (t) => {
  const given = { store: 'redsi://user:hidden@host', keys: [KEY], secure: false }
  const { message } = t.throws(() => sessions(new Koa(), given), { instanceOf: StoreConfigError })
  t.regex(message, /^no store for 'redsi:\/\/\*\*\*@host': a store is a URL \(memory:, redis:/)
})

test('no error tells a key or a secret', async (t) => {
  const given = { store: memoryStore(), keys: [KEY, 'a short secret'], secure: false }
  t.notRegex(t.throws(() => sessions(new Koa(), given)).message, /a short secret/)
  const options = { meshSecret: ['a secret of a mesh'] as unknown as string }
  t.notRegex((await t.throwsAsync(openStore('memory:', options))).message, /of a mesh/)
})

test('the application comes first, and is one of Koa', (t) => {
  const options = { store: memoryStore(), keys: [KEY], secure: false }
  const swapped = sessions as unknown as (options: unknown, app: unknown) => void
  t.throws(() => swapped(options, new Koa()), { message: /takes the application first/ })
  t.throws(() => swapped(undefined, options), { message: /takes a Koa application first, not undefined/ })
  t.throws(() => swapped(new Koa(), undefined), { message: /takes an object of options, not undefined/ })
})

test('a second sessions() on one application is refused, and the first works on', async (t) => {
  const app = new Koa()
  const options = { store: memoryStore(), keys: [KEY], secure: false }
  t.throws(() => sessions(app, { ...options, cookieName: '' }), { message: /cookieName/ })
  sessions(app, options)
  t.throws(() => sessions(app, { ...options, cookieName: 'other' }), { message: /is called once/ })
  app.use(routes['/begin'] as Koa.Middleware)
  t.regex((await say(await listening(t, app))).headers['set-cookie']?.[0] ?? '', /^sid=/)
})

test('sessions() of an application that is mounted in another is an error in words', async (t) => {
  const inner = new Koa()
  sessions(inner, { store: memoryStore(), keys: [KEY], secure: false })
  const outer = new Koa()
  const heard: string[] = []
  // As koa-mount does it.
  for (const middleware of inner.middleware) outer.use(middleware)
  const origin = await listening(t, outer)
  outer.on('error', (error: Error) => heard.push(error.message))
  t.is((await say(origin)).status, 500)
  t.regex(heard[0] ?? '', /mounted in another: call it for the outer one/)
})

test('the other factories refuse in words what they can not use', async (t) => {
  const store = memoryStore()
  const calls: Readonly<Record<string, () => unknown>> = {
    'sessionEngine\\(\\): dataBytesMax takes': () => sessionEngine({ store, dataBytesMax: Number.NaN }),
    'loginThrottle\\(\\): account: freeFailures takes': () => loginThrottle({ store, account: { freeFailures: -1 } }),
    "loginThrottle\\(\\) has no option 'perIp'": () => loginThrottle({ store, perIp: 5 } as never),
    'loginThrottle\\(\\) needs the option store': () => loginThrottle({} as never),
    'sessionBinding\\(\\): agent takes': () => sessionBinding({ keys: [KEY], agent: 'log-out' as never }),
    'sessionBinding\\(\\): keys takes .*keys\\[0\\] is undefined': () => sessionBinding({ keys: [undefined] }),
    'idempotency\\(\\): payloadOf takes a function': () => idempotency({ payloadOf: 'body' as never }),
    'sameOrigin\\(\\): allowedOrigins takes': () => sameOrigin({ allowedOrigins: 'https://a' as never }),
    "sessionHeaders\\(\\) has no option 'cache'": () => sessionHeaders({ cache: true } as never),
    'expressStore\\(\\): Store takes': () => expressStore({ store } as never),
    'expressStore\\(\\): store takes .*It is a store for': () =>
      expressStore({ store: koaSessionStore, Store: Object } as never),
    'expressStore\\(\\): commitTimeMaxMs takes': () =>
      expressStore({ store, Store: Object, commitTimeMaxMs: 2 ** 31 } as never),
    'fastifyStore\\(\\): idleTimeoutMs takes': () => fastifyStore({ store, idleTimeoutMs: Number.NaN }),
    'createSessions\\(\\): commitTimeMaxMs takes': () =>
      createSessions({ store, keys: [KEY], secure: false, commitTimeMaxMs: 2 ** 31 }),
  }
  for (const [said, call] of Object.entries(calls)) {
    t.throws(call, { instanceOf: SessionOptionsError, message: new RegExp(said) })
  }
  await t.throwsAsync(openStore(undefined as never), { message: /not undefined\. Is the environment variable set/ })
  await t.throwsAsync(openStore('memory:', { name: 'a' } as never), { message: /openStore\(\) has no option 'name'/ })
  const users = usersSessions(sessionEngine({ store }))
  await t.throwsAsync(users.list(undefined as never), {
    message: /A user takes a text that is not empty, not undefined/,
  })
  await t.throwsAsync(users.endAll('u', { exept: 'x' } as never), { message: /users.endAll\(\) has no option 'exept'/ })
})

test('undefined is the default for the other factories too', async (t) => {
  const store = memoryStore()
  const throttle = loginThrottle({ store, account: { freeFailures: undefined } as never, network: undefined as never })
  await throttle.check('u', '127.0.0.1')
  const engine = sessionEngine({ store, idleTimeoutMs: undefined as never, resolvers: undefined as never })
  t.is(engine.idleTimeoutMs, 30 * 60_000)
  t.notThrows(() => fastifyStore({ store, absoluteTimeoutMs: undefined as never, guard: undefined as never }))
  t.notThrows(() => sameOrigin({ exempt: undefined as never }))
  await t.notThrowsAsync(openStore('memory:', { nodeName: undefined, onEvent: undefined }))
})
