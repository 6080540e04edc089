/** Whose address it is that the throttle counts. */
import test from 'ava'
import { ConfigError, readConfig } from '../../src/config.ts'
import { client } from '../support/client.ts'
import { shopServer } from '../support/shop-server.ts'

/** More than an address may fail, even where the machine is so slow that waits pass between two of them. */
const GUESSES_MAX = 60

/** How many guesses were let in, each at another account and from another made-up address. */
async function letIn(url: string, forwarded: (guess: number) => string): Promise<number> {
  for (let guess = 0; guess < GUESSES_MAX; guess++) {
    const headers = { 'X-Forwarded-For': forwarded(guess) }
    const credentials = { name: `somebody-${guess}`, password: 'x' }
    const { status } = await client(url).send('POST', '/api/login', credentials, headers)
    if (status === 429) return guess
  }
  return GUESSES_MAX
}

test('behind a proxy that appends, made-up addresses in front do not escape the throttle', async (t) => {
  const { url } = await shopServer(t, { proxiesInFront: 1 })
  t.true((await letIn(url, (guess) => `198.51.100.${guess}, 203.0.113.9`)) < GUESSES_MAX)
  t.is(
    (
      await client(url).send(
        'POST',
        '/api/login',
        { name: 'user-0', password: 'password-0' },
        { 'X-Forwarded-For': '203.0.113.10' },
      )
    ).status,
    200,
  )
})

test('behind two proxies the client is the second from the right', async (t) => {
  const { url } = await shopServer(t, { proxiesInFront: 2 })
  t.true((await letIn(url, (guess) => `198.51.100.${guess}, 203.0.113.9, 10.0.0.${guess}`)) < GUESSES_MAX)
})

test('without a proxy the header is ignored', async (t) => {
  const { url } = await shopServer(t)
  t.true((await letIn(url, (guess) => `198.51.100.${guess}`)) < GUESSES_MAX)
})

test('TRUST_PROXY is false, true or a number', (t) => {
  t.deepEqual(
    ['', 'false', 'true', '1', '3'].map((value) => readConfig({ TRUST_PROXY: value }).proxiesInFront),
    [0, 0, 1, 1, 3],
  )
  for (const value of ['yes', '-1', '11', '1.5']) {
    t.throws(() => readConfig({ TRUST_PROXY: value }), {
      instanceOf: ConfigError,
      message: /^TRUST_PROXY is .*; it takes false, true/,
    })
  }
})
