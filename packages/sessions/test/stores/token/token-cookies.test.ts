/** What is no cookie of ours opens no session, is no error, and is counted. */
import { createHmac, randomBytes } from 'node:crypto'
import test from 'ava'
import { CompactEncrypt, CompactSign } from 'jose'
import { openStore } from '../../../src/stores/open-store.ts'
import { client, type Handler, KEY } from '../../support/shop.ts'
import { at, sharedMemory, type TokenNode, tokenNode, tokenNodes } from '../../support/token-nodes.ts'

const routes: Record<string, Handler> = {
  '/login': (ctx) => {
    ctx.session = { user: 'ada' }
  },
  '/login-as-bob': (ctx) => {
    ctx.session = { user: 'bob' }
  },
  '/logout': (ctx) => {
    ctx.session = null
  },
  '/look': ({ session }) => ({ user: session?.['user'] }),
}

/** The token of a user of this node. */
async function tokenOf(node: TokenNode): Promise<string> {
  const user = client(node.origin)
  await user.get('/login')
  return user.cookie?.slice('sid='.length) ?? ''
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

test('a cookie that is cut, changed or forged opens no session, and the request goes on without', async (t) => {
  const node = await tokenNode(t, routes)
  const token = await tokenOf(node)
  const [header = '', , iv = '', text = '', tag = ''] = token.split('.')
  const own = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }
  const payload = Buffer.from(`${'a'.repeat(22)}.${'b'.repeat(43)}.1.9999999999999.{"k":"","d":{"user":"ada"}}`)
  const secret = randomBytes(32)
  const sealed = (alg: string, enc: string, kid: string, key: Uint8Array) =>
    new CompactEncrypt(payload).setProtectedHeader({ alg, enc, kid }).encrypt(key)

  const forged: Record<string, string> = {
    empty: '',
    cut: token.slice(0, -1),
    'cut in the middle': token.slice(0, token.length / 2),
    'of its header alone': header,
    'with a letter changed': token.replace(text, text.startsWith('A') ? `B${text.slice(1)}` : `A${text.slice(1)}`),
    'with another nonce': token.replace(iv, randomBytes(12).toString('base64url')),
    'without its tag': token.replace(tag, ''),
    'not encrypted': `${base64({ alg: 'none', kid: own.kid })}.${payload.toString('base64url')}.`,
    'of alg none as JWE': `${base64({ alg: 'none', enc: 'A256GCM', kid: own.kid })}..${iv}.${text}.${tag}`,
    'of a key of the sender': await sealed('dir', 'A256GCM', own.kid, secret),
    'of an unknown key': await sealed('dir', 'A256GCM', 'x'.repeat(19), secret),
    'without a key': await new CompactEncrypt(payload)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(secret),
    'of another encryption': await sealed('dir', 'A128CBC-HS256', own.kid, secret),
    'of a wrapped key': await sealed('A256KW', 'A256GCM', own.kid, secret),
    'of a password with a million rounds': `${base64({ alg: 'PBES2-HS256+A128KW', enc: 'A256GCM', p2c: 1e9, p2s: 'AAAA', kid: own.kid })}.AAAA.${iv}.${text}.${tag}`,
    'with a header of more': `${base64({ alg: 'dir', enc: 'A256GCM', kid: own.kid, zip: 'DEF' })}..${iv}.${text}.${tag}`,
    'signed with the key of the signing': await new CompactSign(payload)
      .setProtectedHeader({ alg: 'HS256', kid: own.kid })
      .sign(Buffer.from(KEY)),
    'an id as other stores have it': `${'a'.repeat(22)}.${'b'.repeat(43)}.${createHmac('sha256', KEY).update('x').digest('base64url')}`,
    'of escapes': '%00%ff%',
    'far too long': 'e'.repeat(12_000),
  }
  for (const [what, cookie] of Object.entries(forged)) {
    node.events.length = 0
    const answer = await client(node.origin, `sid=${cookie}`).get('/look')
    t.is(answer.status, 200, what)
    t.deepEqual(answer.body, {}, what)
    t.deepEqual(node.events, ['unreadable'], what)
  }
})

test('a forged cookie before the genuine one changes nothing', async (t) => {
  const node = await tokenNode(t, routes)
  const token = await tokenOf(node)
  const both = client(node.origin, `sid=${token.slice(0, -2)}AA; sid=${token}`)
  t.deepEqual((await both.get('/look')).body, { user: 'ada' })
})

test('of two genuine cookies the first counts whose session goes on', async (t) => {
  const node = await tokenNode(t, routes)
  const [ada, bob] = [client(node.origin), client(node.origin)]
  await ada.get('/login')
  await bob.get('/login-as-bob')
  const both = client(node.origin, `${ada.cookie}; ${bob.cookie}`)
  t.deepEqual((await both.get('/look')).body, { user: 'ada' })
  await ada.get('/logout')
  t.deepEqual((await both.get('/look')).body, { user: 'bob' })
})

test('a cookie is sealed anew by a newer key, and opened by the older one until that is gone', async (t) => {
  const newer = 'another key of thirty-two characters'
  const rules = { revocations: sharedMemory() }
  const before = await tokenNode(t, routes, { keys: [KEY], rules })
  const rotating = await tokenNode(t, routes, { keys: [newer, KEY], rules })
  const after = await tokenNode(t, routes, { keys: [newer], rules })
  const user = client(before.origin)
  await user.get('/login')
  const old = { cookie: user.cookie }
  const moved = at(rotating, user)
  const answer = await moved.get('/look')
  t.deepEqual(answer.body, { user: 'ada' })
  t.is(answer.setCookie.length, 1)
  t.deepEqual((await at(after, moved).get('/look')).body, { user: 'ada' })
  t.deepEqual((await at(after, old).get('/look')).body, {})
  t.deepEqual(after.events, ['unreadable'])
})

test('a cookie of another name, and of the other mode, is of other keys', async (t) => {
  const revocations = sharedMemory()
  const node = await tokenNode(t, routes, { rules: { revocations } })
  const token = await tokenOf(node)
  const other = await tokenNode(t, routes, { cookieName: 'admin', rules: { revocations } })
  t.deepEqual((await client(other.origin, `admin=${token}`).get('/look')).body, {})
  const signing = await tokenNode(t, routes, { rules: { revocations, mode: 'signed' } })
  t.deepEqual((await client(signing.origin, `sid=${token}`).get('/look')).body, {})
  t.deepEqual(other.events.concat(signing.events), ['unreadable', 'unreadable'])
})

test('no two tokens have the same nonce, and each process has a key of its own', async (t) => {
  const nodes = await tokenNodes(t, 2, routes)
  const nonces = new Set<string>()
  const headers = new Set<string>()
  for (const node of nodes) {
    for (let count = 0; count < 50; count++) {
      const [header = '', , nonce = ''] = (await tokenOf(node)).split('.')
      headers.add(header)
      nonces.add(nonce)
    }
  }
  t.is(nonces.size, 100)
  t.is(headers.size, 2)
})

test('an encrypted cookie shows nothing of the session, and a signed one all of it, with a warning', async (t) => {
  const encrypted = await tokenOf(await tokenNode(t, routes))
  t.false(Buffer.from(encrypted.split('.')[3] ?? '', 'base64url').includes('ada'))

  const events: string[] = []
  const store = await openStore('token:?mode=signed', { onEvent: ({ event }) => events.push(event) })
  await store.open()
  t.teardown(() => store.close())
  t.deepEqual(events, ['content-readable'])
  t.regex(store.report?.().warnings.join() ?? '', /signed and not encrypted/)

  const node = await tokenNode(t, routes, { rules: { mode: 'signed' } })
  const signed = await tokenOf(node)
  const [header = '', payload = '', signature = ''] = signed.split('.')
  t.true(Buffer.from(payload, 'base64url').includes('"user":"ada"'))
  t.deepEqual((await client(node.origin, `sid=${signed}`).get('/look')).body, { user: 'ada' })
  const changed = Buffer.from(Buffer.from(payload, 'base64url').toString().replace('ada', 'eve')).toString('base64url')
  for (const forged of [`${header}.${changed}.${signature}`, `${base64({ alg: 'none' })}.${changed}.`])
    t.deepEqual((await client(node.origin, `sid=${forged}`).get('/look')).body, {})
})

test('a secret of less than 256 bits is refused at the start', async (t) => {
  await t.throwsAsync(tokenNode(t, routes, { keys: ['a key of thirty-one characters.'] }), {
    code: 'SESSION_KEYS',
    message: /32 characters or more/,
  })
})

test('a URL that can not be used is refused, with what it takes', async (t) => {
  const refused: [url: string, message: RegExp][] = [
    ['token:?mode=plain', /mode .* takes encrypted, signed/],
    ['token:?rollback=yes', /rollback .* takes accept, detect/],
    ['token:?revocationsOutage=open', /revocationsOutage .* takes refuse, accept/],
    ['token:?revocations=memory:', /revocations= is memory:/],
    ['token:?revocations=token:', /revocations= is token:/],
    ['token:?revocations=nonsense', /no store for 'nonsense'/],
    ['token://host', /names a host or a path/],
    ['token:?secret=x', /has 'secret', and takes/],
    [
      'moving:?step=ready&from=token:&to=redis://127.0.0.1',
      /takes stores that keep their sessions, and from= is token/,
    ],
  ]
  for (const [url, message] of refused) await t.throwsAsync(openStore(url), { code: 'STORE_CONFIG', message }, url)
})
