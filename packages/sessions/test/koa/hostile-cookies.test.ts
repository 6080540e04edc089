/** Whatever a client makes up: an anonymous session, nothing asked of the store, no error, and no cookie in return. */
import test, { type ExecutionContext } from 'ava'
import Koa from 'koa'
import type { SessionStore } from '../../src/contract.ts'
import { sessions } from '../../src/koa/koa.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listening, say, sayRaw } from '../support/koa-server.ts'

const KEY = 'a key of thirty-two characters, 1'

interface Site {
  readonly origin: string
  /** The cookie of a session that is there, as `sid=handle.secret.signature`. */
  readonly cookie: string
  readonly verbs: string[]
  readonly errors: unknown[]
}

async function site(t: ExecutionContext): Promise<Site> {
  const inner = memoryStore()
  const verbs: string[] = []
  const noted = <T>(verb: string, call: () => T): T => {
    verbs.push(verb)
    return call()
  }
  const store: SessionStore = {
    ...inner,
    read: (key) => noted('read', () => inner.read(key)),
    write: (key, write) => noted('write', () => inner.write(key, write)),
    touch: (key, expiresAtMs) => noted('touch', () => inner.touch(key, expiresAtMs)),
    destroy: (key, options) => noted('destroy', () => inner.destroy(key, options)),
  }
  const errors: unknown[] = []
  const app = new Koa()
  app.on('error', (error) => errors.push(error))
  sessions(app, { store, keys: [KEY], secure: false })
  app.use((ctx) => {
    if (ctx.path === '/login') ctx.session = { kept: 1 }
    if (ctx.path === '/logout') ctx.session = null
    ctx.body = JSON.stringify(ctx.session)
  })
  const origin = await listening(t, app)
  const { headers } = await say(`${origin}/login`)
  const [cookie = ''] = headers['set-cookie']?.[0]?.split(';') ?? []
  verbs.length = 0
  return { origin, cookie, verbs, errors }
}

const parts = (cookie: string): [string, string, string] =>
  cookie.slice('sid='.length).split('.') as [string, string, string]

const NONSENSE: Readonly<Record<string, (cookie: string) => string>> = {
  'an empty one': () => 'sid=',
  'one with no value': () => 'sid',
  'quotes only': () => 'sid="',
  'a truncated one': (cookie) => cookie.slice(0, -1),
  'one cut after the secret': (cookie) => `sid=${parts(cookie).slice(0, 2).join('.')}`,
  'one with a character more': (cookie) => `${cookie}A`,
  'one with a part more': (cookie) => `${cookie}.${parts(cookie)[2]}`,
  'one of another secret': (cookie) => `sid=${parts(cookie)[0]}.${'A'.repeat(43)}.${parts(cookie)[2]}`,
  'one of another handle': (cookie) => `sid=${'A'.repeat(22)}.${parts(cookie).slice(1).join('.')}`,
  'one that is not signed': (cookie) => `sid=${parts(cookie).slice(0, 2).join('.')}.${'A'.repeat(43)}`,
  'one whose signature ends in other spare bits': (cookie) => cookie.slice(0, -1) + otherSpareBits(cookie),
  'one in percent signs': (cookie) =>
    `sid=${cookie.slice('sid='.length).replaceAll(/./g, (each) => `%${each.charCodeAt(0).toString(16)}`)}`,
  'one with padding': (cookie) => `${cookie}=`,
  'a name that no object should be asked for': () => '__proto__=1; constructor=1; sid=__proto__',
  'the name in capitals': (cookie) => cookie.replace('sid', 'SID'),
  'one under the name that https would have': (cookie) => `__Host-${cookie}`,
  'a very long one': () => `sid=${'A'.repeat(12_000)}`,
  'very many': () => Array.from({ length: 1_500 }, (_, number) => `sid=${number}`).join('; '),
  'one of separators': () => `sid=${'.'.repeat(5_000)}`,
  'one in Korean': () => `sid=${'김'.repeat(22)}.${'영'.repeat(43)}.${'희'.repeat(43)}`,
  'the right one with a letter beyond ASCII': (cookie) => `${cookie}é`,
  'the right one with letters that only look alike': (cookie) => cookie.replace('.', '․'),
  'one of bytes that are no UTF-8': () => `sid=\u0080\u00ff${'\u00fe'.repeat(105)}`,
}

/** The last of 43 characters carries 256 - 252 bits: two of its bits are spare, and must not be. */
function otherSpareBits(cookie: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(cookie.at(-1) ?? '') ^ 1] ?? ''
}

for (const [what, make] of Object.entries(NONSENSE)) {
  test(`a cookie made up, ${what}, opens no session and costs no read`, async (t) => {
    const { origin, cookie, verbs, errors } = await site(t)
    // As bytes of UTF-8, and of Latin-1 where it is in that: the latter are no UTF-8.
    const made = make(cookie)
    const isLatin = !/[^\0-\xff]/.test(made)
    for (const encoding of isLatin ? (['utf8', 'latin1'] as const) : (['utf8'] as const)) {
      const answer = await sayRaw(origin, ['GET / HTTP/1.1', 'Host: shop.example', `Cookie: ${made}`], encoding)
      t.regex(answer, /^HTTP\/1\.1 200 OK\r\n/)
      t.regex(answer, /\r\n\r\n\{\}$/)
      t.notRegex(answer, /\r\nset-cookie:/i)
    }
    t.deepEqual(verbs, [])
    t.deepEqual(errors, [])
  })
}

test('the right cookie among many others is found', async (t) => {
  const { origin, cookie, verbs } = await site(t)
  const answer = await sayRaw(origin, ['GET / HTTP/1.1', 'Host: shop.example', `Cookie: a=1; ${cookie}; 김=영희`])
  t.true(answer.includes('{"kept":1}'))
  t.deepEqual(verbs, ['read'])
})

const valueOf = (cookie: string) => cookie.slice('sid='.length)

for (const [what, planted] of Object.entries<(cookie: string) => string>({
  'one that is made up': () => 'sid=garbage; ',
  'one of the right shape that is not signed': (cookie) => `sid=${valueOf(cookie).slice(0, -5)}AAAAA; `,
  'an empty one': () => 'sid=; ',
  'some dozens': () => 'sid=x;'.repeat(60),
})) {
  test(`a planted cookie in front of the right one does not log the user out: ${what}`, async (t) => {
    const { origin, cookie, verbs, errors } = await site(t)
    for (const sent of [`${planted(cookie)}${cookie}`, `${cookie}; ${planted(cookie)}`]) {
      verbs.length = 0
      const { headers, body } = await say(origin, { headers: { cookie: sent } })
      t.deepEqual([body, headers['set-cookie'], verbs], ['{"kept":1}', undefined, ['read']])
    }
    t.deepEqual(errors, [])
  })
}

test('a cookie of ours whose session is over does not hide another one behind it', async (t) => {
  const { origin, cookie } = await site(t)
  const { headers } = await say(`${origin}/login`)
  const over = String(headers['set-cookie']).split(';', 1)[0] ?? ''
  t.is((await say(`${origin}/logout`, { headers: { cookie: over } })).body, 'null')
  t.is((await say(origin, { headers: { cookie: `${over}; ${cookie}` } })).body, '{"kept":1}')
  // The logout ends the session that was found, whose cookie came second.
  const logout = await say(`${origin}/logout`, { headers: { cookie: `${over}; ${cookie}` } })
  t.regex(String(logout.headers['set-cookie']), /^sid=;/)
  t.is((await say(origin, { headers: { cookie } })).body, '{}')
})

test('however many cookies of ours are sent, few are asked for', async (t) => {
  const { origin, verbs } = await site(t)
  const over = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const cookie = String((await say(`${origin}/login`)).headers['set-cookie']).split(';', 1)[0] ?? ''
      await say(`${origin}/logout`, { headers: { cookie } })
      return cookie
    }),
  )
  verbs.length = 0
  t.is((await say(origin, { headers: { cookie: over.join('; ') } })).body, '{}')
  t.deepEqual(verbs, ['read', 'read', 'read', 'read'])
})

test('a cookie longer than a server takes at all is refused before the application, and its session is unharmed', async (t) => {
  const { origin, cookie, verbs, errors } = await site(t)
  const answer = await sayRaw(origin, ['GET / HTTP/1.1', 'Host: shop.example', `Cookie: sid=${'A'.repeat(20_000)}`])
  // The server hangs up with bytes unread, and its answer may be lost with them.
  t.regex(answer, /^(HTTP\/1\.1 431 |$)/)
  t.deepEqual([verbs, errors], [[], []])
  t.is((await say(origin, { headers: { cookie } })).body, '{"kept":1}')
})

test('an id in the address or in another header is no id', async (t) => {
  const { origin, cookie, verbs } = await site(t)
  const value = cookie.slice('sid='.length)
  const headers = { 'X-Session-Id': value, Authorization: `Bearer ${value}` }
  t.is((await say(`${origin}/?sid=${value}&session=${value}`, { headers })).body, '{}')
  t.is((await say(`${origin}/;sid=${value}`, { headers })).body, '{}')
  t.deepEqual(verbs, [])
})
