/**
 * Nothing that would let a reader of the logs in: no cookie, no part or hash of one, no password, no key. The shop is visited in
 * every way that writes a log line, with its own logs at their most talkative and those of its dependencies switched on.
 */
import { hash } from 'node:crypto'
import test from 'ava'
import { openStore } from '@ninelives/sessions'
import { client, type Client } from './support/client.ts'
import { nodeProcess } from './support/node-process.ts'
import { shopServer } from './support/shop-server.ts'

const KEY = 'a-key-of-thirty-two-characters-01'
const WRONG_PASSWORD = 'correct-horse-battery'

/** A client that records every secret of its requests and answers. */
function watched(visitor: Client, secrets: Set<string>): Client {
  const send = visitor.send.bind(visitor)
  return Object.assign(visitor, {
    async send(...request: Parameters<Client['send']>) {
      const answer = await send(...request)
      for (const cookie of answer.setCookie) noteParts(cookie.split(';')[0]?.split('=')[1] ?? '', secrets)
      return answer
    },
  })
}

function noteParts(value: string, secrets: Set<string>): void {
  for (const part of [value, ...value.split('.')]) {
    if (part === '') continue
    secrets.add(part)
    // What a store knows a session by, and checks its bearer with.
    secrets.add(hash('sha256', part, 'base64url'))
  }
}

async function visit(url: string, secrets: Set<string>): Promise<Client> {
  for (const secret of [KEY, WRONG_PASSWORD, 'password-0', 'password-1']) secrets.add(secret)
  const visitor = watched(client(url), secrets)
  await visitor.send('POST', '/api/counter')
  const planted = visitor.cookie
  await visitor.send('POST', '/api/login', { name: 'user-0', password: WRONG_PASSWORD })
  await visitor.send('POST', '/api/login', `{"name":"user-0","password":"${WRONG_PASSWORD}`)
  await visitor.send('POST', '/api/login', { name: ['user-0'], password: WRONG_PASSWORD })
  await visitor.login('user-0')
  await visitor.login('user-0')
  await visitor.send('POST', '/api/cart', { sku: 'box' })
  await visitor.send('POST', '/api/cart', { sku: '' })
  await visitor.send('GET', '/api/cart')
  await visitor.send('GET', '/api/cart', undefined, { Cookie: `${visitor.cookie}A` })
  await visitor.send('GET', '/api/cart', undefined, { Cookie: planted ?? '' })
  const kept = client(url, visitor.cookie)
  await visitor.login('user-1')
  await visitor.send('POST', '/api/logout', undefined, { 'Sec-Fetch-Site': 'cross-site' })
  await kept.send('GET', '/api/cart')
  await visitor.send('POST', '/api/logout')
  await visitor.send('GET', '/nowhere')
  return visitor
}

function leaks(log: string, secrets: ReadonlySet<string>): string[] {
  return [...secrets].filter((secret) => log.includes(secret) || log.includes(encodeURIComponent(secret)))
}

/** An error as a client library throws it, with what it was asked hung on. */
const fail = (...args: unknown[]): Promise<never> =>
  Promise.reject(Object.assign(new Error('refused'), { command: { args } }))

test('a shop whose store fails in every way logs no cookie, handle, secret, password or key', async (t) => {
  const store = await openStore('memory:')
  const whole = { ...store }
  const { url, logged } = await shopServer(t, { store, keys: [KEY] })
  const secrets = new Set<string>()
  const visitor = await visit(url, secrets)
  await visitor.login('user-0')
  for (const verbs of [{ read: fail }, { write: fail }, { touch: fail, write: fail }, { destroy: fail }]) {
    Object.assign(store, whole, verbs)
    await visitor.send('POST', '/api/cart', { sku: 'yarn' })
    await visitor.send('POST', '/api/logout')
  }
  const log = logged.join('')
  t.regex(log, /"msg":"request failed"/)
  t.true(secrets.size > 20)
  t.deepEqual(leaks(log, secrets), [])
})

test('a node with every log switched on, its dependencies included, writes none of them to stdout or stderr', async (t) => {
  const node = nodeProcess(t, { LOG_LEVEL: 'debug', DEBUG: '*', NODE_DEBUG: 'koa-session*', SESSION_KEYS: KEY })
  const url = await node.ready()
  const secrets = new Set<string>()
  await visit(url, secrets)
  node.process.kill('SIGTERM')
  await node.ended
  t.true(node.logged.filter(({ msg }) => msg === 'request').length >= 15)
  for (const library of ['koa-session', 'koa-router']) t.true(node.stderr().toLowerCase().includes(library), library)
  t.true(secrets.size > 10)
  t.deepEqual(leaks(JSON.stringify(node.logged), secrets), [])
  t.deepEqual(leaks(node.stderr(), secrets), [])
})
