/** What names the user of a session, through Koa. */
import test from 'ava'
import type { SessionsOptions } from '../../src/koa/koa.ts'
import { client, type Handler, shop } from '../support/shop.ts'

const set =
  (fields: object): Handler =>
  (ctx) =>
    void Object.assign(ctx.session ?? {}, fields)

const read: Handler = (ctx) => ctx.session

test.serial('a field user that is no text is warned of once, and one that is none is not', async (t) => {
  const codes: string[] = []
  const listener = (warning: Error): void => {
    const code = String(Reflect.get(warning, 'code'))
    if (code.startsWith('NINELIVES_')) codes.push(code)
  }
  process.on('warning', listener)
  t.teardown(() => process.off('warning', listener))
  const routes = {
    '/begin': set({ visited: true }),
    '/none': set({ user: null }),
    '/logout': set({ user: false }),
    '/empty': set({ user: '' }),
    '/login': set({ user: { id: 1 } }),
    '/number': set({ user: 42 }),
  }
  const browser = client(await shop(t, routes))
  for (const path of ['/begin', '/none', '/logout', '/empty']) await browser.get(path)
  t.deepEqual(codes, [])
  for (const path of ['/login', '/number']) t.is((await browser.get(path)).status, 204)
  t.deepEqual(codes, ['NINELIVES_USER_NOT_TEXT'])
})

const NAMELESS: Readonly<Record<string, Partial<SessionsOptions>>> = {
  'the field user is empty': {},
  'userOf gives an empty text': { userOf: () => '' },
  'userOf gives null': { userOf: () => null as never },
}

for (const [what, options] of Object.entries(NAMELESS)) {
  test(`${what}: the session is a visitor's, and not one of a user who has several`, async (t) => {
    const origin = await shop(t, { '/set': set({ user: '', a: 1 }), '/': read }, { sessionsPerUserMax: 1, ...options })
    const [first, second] = [client(origin), client(origin)]
    await first.get('/set')
    await second.get('/set')
    t.deepEqual((await first.get('/')).body, { user: '', a: 1 })
  })
}

test('userOf that gives something else than a text is an error in words, and nothing is written', async (t) => {
  for (const user of [42, { id: 1 }, Promise.resolve('u')]) {
    const browser = client(await shop(t, { '/set': set({ a: 1 }), '/': read }, { userOf: () => user as never }))
    const { status, body } = await browser.get('/set')
    t.is(status, 500)
    t.is(body, `userOf returns the user's name as a text, or undefined, not a value of type ${typeof user}.`)
    t.is(browser.cookie, undefined)
  }
})
