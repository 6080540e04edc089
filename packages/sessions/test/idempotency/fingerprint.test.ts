/** What is kept of a keyed request to tell it from another one: nothing that a password could be guessed by. */
import { createHash, createHmac } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { fingerprints } from '../../src/idempotency/fingerprint.ts'
import { idempotency, type IdempotencyOptions } from '../../src/koa/idempotency.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { client, type Handler, KEY, shop } from '../support/shop.ts'

const OTHER_KEY = 'a key of thirty-two characters, 2'
const ADDRESS = 'POST /order'

test('a repeat is told from another request under the same key, by its address and by its payload', (t) => {
  const of = fingerprints([KEY])
  const { whole } = of({ key: 'key', address: ADDRESS, payload: '{"sku":"box"}' })
  t.true(of({ key: 'key', address: ADDRESS, payload: '{"sku":"box"}' }).matches(whole))
  t.false(of({ key: 'key', address: ADDRESS, payload: '{"sku":"yarn"}' }).matches(whole))
  t.false(of({ key: 'key', address: 'POST /cart', payload: '{"sku":"box"}' }).matches(whole))
})

test('without the payload only the address is told apart', (t) => {
  const of = fingerprints([KEY])
  const { withoutPayload } = of({ key: 'key', address: ADDRESS, payload: 'a password' })
  t.is(withoutPayload, of({ key: 'key', address: ADDRESS, payload: undefined }).whole)
  t.true(of({ key: 'key', address: ADDRESS, payload: 'another' }).matches(withoutPayload))
  t.false(of({ key: 'key', address: 'POST /cart', payload: 'a password' }).matches(withoutPayload))
})

test('a repeat is known again while the keys rotate, on nodes with the old ones and with the new', (t) => {
  const request = { key: 'key', address: ADDRESS, payload: 'payload' }
  const [old, both, replaced] = [[KEY], [OTHER_KEY, KEY], [OTHER_KEY]].map((keys) => fingerprints(keys)(request))
  for (const before of [old, both, replaced])
    for (const after of [old, both, replaced]) t.true(after?.matches(before?.whole ?? ''))
  t.false(fingerprints([OTHER_KEY, KEY])({ ...request, payload: 'other' }).matches(old?.whole ?? ''))
})

test("equal payloads have other fingerprints under other keys, the application's and the request's", (t) => {
  const request = { key: 'key', address: ADDRESS, payload: 'payload' }
  const all = [
    fingerprints([KEY])(request),
    fingerprints([OTHER_KEY])(request),
    fingerprints([KEY])({ ...request, key: 'other' }),
  ].map(({ whole }) => whole.slice(4))
  t.is(new Set(all.map((each) => each.slice(0, 8))).size, 3)
  t.is(new Set(all.map((each) => each.slice(8))).size, 3)
})

const PASSWORD = 'correct horse battery staple'
const once = (handler: Handler, options: IdempotencyOptions = {}): Handler => {
  const middleware = idempotency(options)
  return async (ctx) => {
    // As a body parser leaves it.
    Object.assign(ctx.request, { body: { password: ctx.query['password'] } })
    ctx.url = ctx.path
    await middleware(ctx, async () => {
      ctx.body = (await handler(ctx)) ?? null
    })
    return ctx.body
  }
}

const failed: Handler = async (ctx) => ({
  failures: await ctx.session?.update('failure', (draft) => (draft['failures'] = 1)),
})
const login: Handler = async (ctx) => {
  await ctx.session?.update('attempt', (draft) => (draft['attempts'] = 1))
  await ctx.session?.update('login', (draft) => (draft['user'] = 'u'))
  return { user: 'u' }
}
const change: Handler = (ctx) => void Object.assign(ctx.session ?? {}, { changed: true })
const again: Handler = async (ctx) => {
  await ctx.session?.regenerate()
  Object.assign(ctx.session ?? {}, { authenticatedAt: 1 })
}

async function stored(t: ExecutionContext, path: string, asUser: boolean) {
  const store = memoryStore()
  const bodies: string[] = []
  const write: typeof store.write = async (key, record) => {
    bodies.push(record.body)
    return await store.write(key, record)
  }
  const url = await shop(
    t,
    {
      '/begin': (ctx) => void Object.assign(ctx.session ?? {}, asUser ? { user: 'u' } : { visitor: true }),
      '/failed': once(failed),
      '/login': once(login),
      '/again': once(again),
      '/change': once(change),
      '/left-out': once(change, { payloadOf: () => '' }),
    },
    { store: { ...store, write } },
  )
  const browser = client(url)
  await browser.get('/begin')
  const { status } = await browser.get(`${path}?password=${encodeURIComponent(PASSWORD)}`, 'key')
  return { text: bodies.join('\n'), status, browser }
}

/** The payload's part of a fingerprint as the layer makes it, for a reader that knows every key. */
function partOfPayload(payload: string): string {
  const { whole } = fingerprints([KEY])({ key: 'key', address: '', payload })
  return whole.slice(-8)
}

const PAYLOAD = JSON.stringify({ password: PASSWORD })

for (const [what, path, asUser] of [
  ['a failed login', '/failed', false],
  ['a login', '/login', false],
  ['a login of a user who is logged in', '/again', true],
  ['a change of the password on a route that leaves its payload out', '/left-out', true],
] as const) {
  test(`nothing of the payload of ${what} reaches the store`, async (t) => {
    const { text, status } = await stored(t, path, asUser)
    t.true(status < 300)
    t.false(text.includes(PASSWORD))
    t.false(text.includes(partOfPayload(PAYLOAD)))
    for (const algorithm of ['sha256', 'sha1', 'sha512', 'md5'])
      for (const encoding of ['hex', 'base64', 'base64url'] as const)
        for (const candidate of [PASSWORD, PAYLOAD, `GET ${path}\n${PAYLOAD}`]) {
          t.false(text.includes(createHash(algorithm).update(candidate).digest(encoding).slice(0, 10)))
          t.false(text.includes(createHmac(algorithm, KEY).update(candidate).digest(encoding).slice(0, 10)))
        }
  })
}

test("a user's other payloads are told apart, by an HMAC that only a holder of the application's key can make", async (t) => {
  const { text, browser } = await stored(t, '/change', true)
  t.true(text.includes(partOfPayload(PAYLOAD)))
  t.is((await browser.get('/change?password=other', 'key')).status, 422)
})
