/** What express-session and @fastify/session make of the Cookie header that is left. */
import { createHmac } from 'node:crypto'
import test from 'ava'
import { genuineCookie } from '../../src/express/express.ts'

const SECRET = 'the secret of the middleware'

/** As the package cookie-signature signs, which both middlewares do alike. */
function signed(value: string, secret = SECRET): string {
  return `${value}.${createHmac('sha256', secret).update(value).digest('base64').replace(/=+$/, '')}`
}

function left(cookie: string | undefined, options = {}): string | undefined {
  const headers: { cookie?: string } = cookie === undefined ? {} : { cookie }
  let passed = 0
  genuineCookie({ secret: SECRET, ...options })({ headers }, undefined, () => (passed += 1))
  if (passed !== 1) throw new Error(`it passed on ${passed} times`)
  return headers.cookie
}

const GENUINE = `connect.sid=${encodeURIComponent(`s:${signed('id')}`)}`

test('planted cookies of the name are taken away, wherever they stand, and the others stay', (t) => {
  for (const planted of [
    'connect.sid=garbage',
    `connect.sid=s%3A${encodeURIComponent(signed('id', 'another'))}`,
    'connect.sid=%',
    'connect.sid=',
  ]) {
    t.is(left(`a=1; ${planted}; ${GENUINE}; b=2`), `a=1; ${GENUINE}; b=2`)
    t.is(left(`${GENUINE};${planted}`), GENUINE)
  }
})

test('what is alone, or has no signed one among it, is as it came', (t) => {
  for (const cookie of [
    undefined,
    '',
    'a=1',
    'connect.sid=x',
    'connect.sid=x; connect.sid=y',
    `x${GENUINE}; ${GENUINE}`,
  ]) {
    t.is(left(cookie), cookie)
  }
})

test('name, former secrets, and no prefix as with Fastify', (t) => {
  const cookie = `sessionId=${encodeURIComponent(signed('id', 'former'))}`
  t.is(left(`sessionId=x; ${cookie}`, { name: 'sessionId', secret: ['new', 'former'] }), ` ${cookie}`)
})

test('without a secret it is refused', (t) => {
  for (const secret of ['', [], ['a', '']]) t.throws(() => genuineCookie({ secret }), { code: 'SESSION_KEYS' })
})
