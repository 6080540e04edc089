import { createHmac, hash, randomBytes } from 'node:crypto'
import test from 'ava'
import { cookieSealer } from '../../src/secrets/cookie.ts'
import { hmac } from '../../src/secrets/signing-keys.ts'
import { newSessionId } from '../../src/secrets/id.ts'

const KEY = 'a key of thirty-two characters, 1'
const OLD_KEY = 'a key of thirty-two characters, 0'

test('a sealed id is unsealed again, with the newest key and with an older one', (t) => {
  const id = newSessionId(randomBytes)
  t.deepEqual(cookieSealer([KEY]).unseal(cookieSealer([KEY]).seal(id)), { id, outdated: false })
  t.deepEqual(cookieSealer([KEY, OLD_KEY]).unseal(cookieSealer([OLD_KEY]).seal(id)), { id, outdated: true })
})

test('an id carries 128 random bits to find it and 256 to prove it', (t) => {
  const { handle, secret } = newSessionId(randomBytes)
  t.is(Buffer.from(handle, 'base64url').length, 16)
  t.is(Buffer.from(secret, 'base64url').length, 32)
})

test('an id that was not sealed by one of the keys is refused', (t) => {
  const sealer = cookieSealer([KEY])
  const sealed = sealer.seal(newSessionId(randomBytes))
  const [handle, secret, signature] = sealed.split('.') as [string, string, string]
  const forgeries = {
    absent: undefined,
    empty: '',
    'signed by a retired key': cookieSealer([OLD_KEY]).seal(newSessionId(randomBytes)),
    'another handle': `${'A'.repeat(22)}.${secret}.${signature}`,
    'another secret': `${handle}.${'A'.repeat(43)}.${signature}`,
    'no signature': `${handle}.${secret}`,
    truncated: sealed.slice(0, -1),
    'too long': `${sealed}A`,
    'with a newline': `${sealed}\n`,
    'not ASCII': sealed.replace(signature, '김'.repeat(43)),
    huge: 'A'.repeat(100_000),
  }
  for (const [name, value] of Object.entries(forgeries)) t.is(sealer.unseal(value), undefined, name)
})

test('a key that is too short, or none, is refused', (t) => {
  t.throws(() => cookieSealer([]), { code: 'SESSION_KEYS' })
  t.throws(() => cookieSealer([KEY, 'short']), { code: 'SESSION_KEYS' })
})

test('the signature is HMAC-SHA-256', (t) => {
  for (const key of [KEY, '키'.repeat(64)]) {
    const expected = createHmac('sha256', hash('sha256', key, 'hex'))
    t.is(hmac(key)('what is signed: ä, 김'), expected.update('what is signed: ä, 김').digest('base64url'))
  }
})
