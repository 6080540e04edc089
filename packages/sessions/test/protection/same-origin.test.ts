import test, { type ExecutionContext } from 'ava'
import Koa from 'koa'
import type { SessionStore } from '../../src/contract.ts'
import { sessions } from '../../src/koa/koa.ts'
import { mayChange, sameOrigin, type SameOriginOptions } from '../../src/protection/same-origin.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { listening, say } from '../support/koa-server.ts'

const OWN = 'https://shop.example'
const PARTNER = 'https://partner.example'
const STRICT = { allowSameSite: false, allowed: new Set<string>() }

for (const [what, request, expected] of [
  ['from a page of its own', { secFetchSite: 'same-origin', origin: OWN }, true],
  ['begun by the user', { secFetchSite: 'none' }, true],
  ['from a sibling subdomain', { secFetchSite: 'same-site', origin: 'https://blog.shop.example' }, false],
  ['from another site', { secFetchSite: 'cross-site', origin: 'https://evil.example' }, false],
  ['from another site that claims this origin', { secFetchSite: 'cross-site', origin: OWN }, false],
  ['with a word that no browser says', { secFetchSite: 'same-origin, cross-site' }, false],
  ['from an older browser, its own page', { origin: OWN }, true],
  ['from an older browser, its own page, the port spelt out', { origin: `${OWN}:443` }, true],
  ['from an older browser, another site', { origin: 'https://evil.example' }, false],
  ['from an older browser, the same host over http', { origin: 'http://shop.example' }, false],
  ['from an older browser, another port', { origin: `${OWN}:8443` }, false],
  ['from an older browser, a host that begins alike', { origin: `${OWN}.evil.example` }, false],
  ['from an older browser, a page that hides where it is from', { origin: 'null' }, false],
  ['from an older browser, a file', { origin: 'file://' }, false],
  ['from an older browser, two origins', { origin: `${OWN}, ${OWN}` }, false],
  ['from no browser', {}, true],
] as const) {
  test(`a change ${what} is ${expected ? 'let through' : 'refused'}`, (t) => {
    const said = { secFetchSite: '', origin: '', ...request }
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND']) {
      t.is(mayChange({ method, ownOrigin: OWN, ...said }, STRICT), expected, method)
    }
    for (const method of ['GET', 'HEAD', 'OPTIONS'])
      t.true(mayChange({ method, ownOrigin: OWN, ...said }, STRICT), method)
  })
}

test('an application may trust its sibling subdomains, or other origins by name', (t) => {
  const change = { method: 'POST', ownOrigin: OWN }
  const allowed = new Set([PARTNER])
  t.true(mayChange({ ...change, secFetchSite: 'same-site', origin: '' }, { allowSameSite: true, allowed }))
  t.true(mayChange({ ...change, secFetchSite: 'cross-site', origin: PARTNER }, { allowSameSite: false, allowed }))
  t.true(mayChange({ ...change, secFetchSite: '', origin: PARTNER }, { allowSameSite: false, allowed }))
  t.false(mayChange({ ...change, secFetchSite: 'cross-site', origin: OWN }, { allowSameSite: true, allowed }))
})

test('a request whose own origin is unknown is refused if it names an origin', (t) => {
  t.false(mayChange({ method: 'POST', ownOrigin: 'http://', secFetchSite: '', origin: OWN }, STRICT))
  t.false(mayChange({ method: 'POST', ownOrigin: 'http://', secFetchSite: '', origin: 'http://' }, STRICT))
})

for (const origin of ['partner.example', `${PARTNER}/`, 'null', 'https://*.example', '']) {
  test(`'${origin}' is refused as an allowed origin`, (t) => {
    t.throws(() => sameOrigin({ allowedOrigins: [origin] }), { code: 'SAME_ORIGIN_CONFIG' })
  })
}

async function guarded(
  t: ExecutionContext,
  app: Koa,
  options: SameOriginOptions = {},
): Promise<{ url: string; reads: string[] }> {
  const inner = memoryStore()
  const reads: string[] = []
  const store: SessionStore = {
    ...inner,
    read(key) {
      reads.push(key)
      return inner.read(key)
    },
  }
  app.use(sameOrigin(options))
  sessions(app, { store, keys: ['a key of thirty-two characters, 1'], secure: false })
  app.use((ctx) => {
    Object.assign(ctx.session ?? {}, { changed: true })
    ctx.body = 'done'
  })
  return { url: await listening(t, app), reads }
}

test('a forged change is a 403 with a code, and neither reads nor begins a session', async (t) => {
  const { url, reads } = await guarded(t, new Koa())
  const { headers } = await say(url, { method: 'POST' })
  const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? ''
  const forged = await say(url, { method: 'POST', headers: { 'Sec-Fetch-Site': 'cross-site', cookie } })
  t.is(forged.status, 403)
  t.is(forged.headers['set-cookie'], undefined)
  t.deepEqual(reads, [])
  t.is((await say(url, { method: 'POST', headers: { 'Sec-Fetch-Site': 'same-origin', cookie } })).status, 200)
  t.is(reads.length, 1)
})

test('what a proxy says of the host counts only where the app trusts it', async (t) => {
  const headers = { Host: 'shop.example', 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'https' }
  const direct = (await guarded(t, new Koa())).url
  const behind = (await guarded(t, new Koa({ proxy: true }))).url
  const status = async (url: string, Origin: string): Promise<number> =>
    (await say(url, { method: 'POST', headers: { ...headers, Origin } })).status
  t.is(await status(direct, 'http://shop.example'), 200)
  t.is(await status(direct, 'https://evil.example'), 403)
  t.is(await status(behind, 'https://evil.example'), 200)
  t.is(await status(behind, 'http://shop.example'), 403)
})

test('a route that proves itself otherwise can be exempt', async (t) => {
  const { url } = await guarded(t, new Koa(), { exempt: (ctx) => ctx.path === '/webhook' })
  const headers = { Origin: 'https://evil.example' }
  t.is((await say(`${url}/webhook`, { method: 'POST', headers })).status, 200)
  t.is((await say(`${url}/cart`, { method: 'POST', headers })).status, 403)
})
