/** A session that travels has to fit its cookie, with the cookie's name and all its attributes. */
import test from 'ava'
import type Koa from 'koa'
import { expressStore, fastifyStore } from '../../../src/express/express.ts'
import { tokenStore } from '../../../src/stores/token/token.ts'
import { client, type Handler } from '../../support/shop.ts'
import { sharedMemory, TOKEN_RULES, tokenNode } from '../../support/token-nodes.ts'

const COOKIE_BYTES_MAX = 4_096

const routes: Record<string, Handler> = {
  '/fill': (ctx) => {
    ctx.session = { ...ctx.session, user: 'ada', note: 'é'.repeat(Number(ctx.query['letters']) / 2) }
  },
  '/look': ({ session }) => JSON.stringify(session?.['note'] ?? null).length,
}

for (const mode of ['encrypted', 'signed'] as const) {
  test(`the largest ${mode} session that is accepted fits 4,096 bytes, and one byte more is refused`, async (t) => {
    const attributes = {
      secure: true,
      cookieName: 'a-longer-name',
      domain: 'shop.example.com',
      sameSite: 'strict',
      maxAge: 60_000,
    } as const
    const node = await tokenNode(t, routes, { ...attributes, rules: { mode } })
    const user = client(node.origin)
    const fill = (letters: number) => user.get(`/fill?letters=${letters}`)
    let [fits, tooLarge, bytes] = [1_000, 4_000, 0]
    while (tooLarge - fits > 2) {
      const letters = Math.floor((fits + tooLarge) / 4) * 2
      const { status, setCookie } = await fill(letters)
      if (status === 413) tooLarge = letters
      else [fits, bytes] = [letters, Buffer.byteLength(setCookie[0] ?? '')]
      t.true(bytes <= COOKIE_BYTES_MAX)
    }
    t.log(`${fits} bytes of data`)
    // Two bytes more of data are up to four in the cookie.
    t.true(bytes > COOKIE_BYTES_MAX - 8, `${bytes}`)
  })
}

test('a session that is too large is refused with the sizes of its fields, and the one before goes on', async (t) => {
  const node = await tokenNode(t, routes)
  const user = client(node.origin)
  await user.get('/fill?letters=100')
  const refused = await user.get('/fill?letters=3800')
  t.is(refused.status, 413)
  t.regex(String(refused.body), /would take \d+ bytes of 4096; its largest fields: note \(3802\), user \(5\)/)
  t.is(refused.setCookie.length, 0)
  t.is((await user.get('/look')).body, 52)
})

test('a session that was rotated has room for the end of its old cookie', async (t) => {
  const time = { nowMs: Date.now() }
  const rotating = { ...routes, '/regenerate': (ctx: Koa.Context) => ctx.session?.regenerate() }
  const node = await tokenNode(t, rotating, { clock: { now: () => time.nowMs } })
  let rotated = 0
  for (let letters = 2_760; rotated < 8; letters -= 2) {
    const user = client(node.origin)
    if ((await user.get(`/fill?letters=${letters}`)).status === 413) continue
    const old = client(node.origin, user.cookie)
    if ((await user.get('/regenerate')).status === 413) continue
    rotated++
    const length = letters / 2 + 2
    t.is((await user.get('/look')).body, length)
    time.nowMs += 6_000
    t.not((await old.get('/look')).body, length)
    t.is((await user.get('/look')).body, length)
  }
  t.false(node.events.includes('touch-failed'))
})

test('what remembers keyed requests leaves most of the cookie to the session', async (t) => {
  const { idempotency } = await import('../../../src/koa/idempotency.ts')
  const keyed = idempotency()
  const node = await tokenNode(t, {
    ...routes,
    '/count': (ctx) =>
      keyed(ctx, async () => {
        const count = await ctx.session?.update((draft) => (draft['count'] = Number(draft['count'] ?? 0) + 1))
        ctx.body = { count, padding: 'x'.repeat(300) }
      }),
  })
  const user = client(node.origin)
  await user.get('/fill?letters=1500')
  for (let count = 1; count <= 50; count++) t.is((await user.get('/count', `key ${count}`)).status, 400)
  for (let count = 1; count <= 50; count++) t.is((await user.get('/count', `key-${count}`)).status, 200)
  t.is((await user.get('/count', 'key-1')).status, 409, 'its digest is left, and it is not carried out again')
})

test('a middleware whose cookie has an id and no session is refused by name', (t) => {
  const store = tokenStore({ ...TOKEN_RULES, revocations: sharedMemory() })
  class Store {
    createSession = (): object => ({})
  }
  const message = /token: keeps a session in its cookie/
  t.throws(() => expressStore({ store, Store }), { code: 'STORE_CONFIG', message })
  t.throws(() => fastifyStore({ store }), { code: 'STORE_CONFIG', message })
})
