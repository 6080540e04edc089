/**
 * No store, no log and no trace gets anything that a password can be guessed from. The shop is visited through the balancer in
 * every way that sends one, with keys of the client's and of the balancer's, and all that was written anywhere is searched.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Redis } from 'ioredis'
import { openStore, type SessionStore } from '@ninelives/sessions'
import { balancing } from '../packages/balancer/test/fixtures/balancing.ts'
import { runUp } from '../packages/lab/test/fixtures/command.ts'
import { until } from '@ninelives/lab'
import { client, type Client } from '../packages/node/test/support/client.ts'
import { redisMissing, redisServer } from '../packages/node/test/support/redis-server.ts'
import { shopServer } from '../packages/node/test/support/shop-server.ts'
import { meshPort } from '../packages/sessions/test/support/mesh/ports.ts'
import { passwordTraces, type SentPassword } from './support/password-traces.ts'

const SIGNING_KEY = 'a-signing-key-of-many-characters'
const IDEMPOTENCY_KEYS = ['login', 'wrong', 'again', 'other', 'visitor'] as const
const SECRETS = [SIGNING_KEY, ...IDEMPOTENCY_KEYS]
const WRONG = { name: 'user-0', password: 'correct-horse-battery' }
const FIRST = { name: 'user-0', password: 'password-0' }
const SECOND = { name: 'user-1', password: 'password-1' }

/** Every way to send a password: with a key of the client's, of the balancer's, as a visitor, again, and as another user. */
async function visit(visitor: Client): Promise<void> {
  const login = async (body: SentPassword, status: number, key?: (typeof IDEMPOTENCY_KEYS)[number]): Promise<void> => {
    const headers = key === undefined ? {} : { 'Idempotency-Key': key }
    let answered = 503
    // A mesh in a process that gets little processor time asks to come back.
    const isAnswered = async (): Promise<boolean> => {
      answered = (await visitor.send('POST', '/api/login', body, headers)).status
      return answered !== 503
    }
    await until(isAnswered, { deadlineMs: 60_000, what: 'a login' })
    if (answered !== status) throw new Error(`a login was answered by ${answered}`)
  }
  await login(WRONG, 401)
  await visitor.send('POST', '/api/counter', undefined, { 'Idempotency-Key': 'visitor' })
  await login(WRONG, 401, 'wrong')
  await login(FIRST, 200, 'login')
  await login(FIRST, 200, 'login')
  await login(FIRST, 200)
  await login(FIRST, 200, 'again')
  await visitor.send('POST', '/api/cart', { sku: 'box' })
  await login(WRONG, 401)
  await login(SECOND, 200, 'other')
  await visitor.send('POST', '/api/logout')
  await login(SECOND, 200)
}

/** A store whose every record is noted as it is written. */
function noted(store: SessionStore, records: string[]): SessionStore {
  return {
    ...store,
    async write(key, write) {
      records.push(key, write.body)
      return await store.write(key, write)
    },
  }
}

async function visitedShop(t: ExecutionContext, stores: readonly SessionStore[]): Promise<string> {
  const records: string[] = []
  await Promise.all(stores.map((store) => store.open()))
  const options = { keys: [SIGNING_KEY], throttleLogins: true, sessionPaddingBytes: 10 }
  const nodes = await Promise.all(stores.map((store) => shopServer(t, { ...options, store: noted(store, records) })))
  const ports = nodes.map(({ url }, index) => [`node-${index}`, Number(new URL(url).port)] as const)
  const front = await balancing(t, Object.fromEntries(ports))
  const ready = async (): Promise<boolean> => (await fetch(`${front.url}/api/session`)).status === 200
  await until(ready, { deadlineMs: 60_000, what: 'the balancer to find its nodes' })
  await visit(client(front.url))
  // The balancer's own keys have been at work, and what is looked for would be found.
  t.true(records.some((record) => record.includes('"a":')))
  return [
    ...records,
    ...nodes.flatMap(({ logged }) => logged),
    ...front.lines.map((line) => JSON.stringify(line)),
  ].join('\n')
}

function clean(t: ExecutionContext, text: string): void {
  t.true(text.length > 1_000)
  t.deepEqual(passwordTraces(text, [WRONG, FIRST, SECOND], SECRETS), [])
}

test('what is looked for is found where it is', (t) => {
  const hashed = createHash('sha256')
    .update(`POST /api/login\n${JSON.stringify(FIRST)}`)
    .digest('base64url')
  t.true(passwordTraces(`{"a":"${hashed}"}`, [FIRST], SECRETS).length > 0)
  t.true(passwordTraces(`... password-0 ...`, [FIRST], SECRETS).length > 0)
  t.deepEqual(passwordTraces(`{"user":"user-0"}`, [FIRST], SECRETS), [])
})

test('memory: no record and no line of a log has anything of a password', async (t) => {
  clean(t, await visitedShop(t, [await openStore('memory:')]))
})

test('replicated: no record and no line of a log has anything of a password', async (t) => {
  const ports = [await meshPort(), await meshPort()]
  const peers = ports.map((port, index) => `n${index}=127.0.0.1:${port}`).join(',')
  const stores = await Promise.all(
    ports.map((_, index) => openStore(`replicated:?name=n${index}&peers=${peers}&openTimeoutMs=30000`)),
  )
  clean(t, await visitedShop(t, stores))
})

const withRedis = redisMissing === undefined ? test : test.skip

withRedis('redis: no record, no key and no line of a log has anything of a password', async (t) => {
  const { url } = await redisServer(t)
  const text = await visitedShop(t, [await openStore(url), await openStore(url)])
  const records = await dump(url)
  t.regex(records, /user-1/)
  clean(t, text + records)
})

withRedis('a lab on Redis: no log, no trace and nothing in the server has anything of a password', async (t) => {
  const { url } = await redisServer(t)
  const lab = await runUp(t, '--strategy', 'redis', '--nodes', '2', '--users', '4', '--store', url)
  await visit(client(lab.shop))
  lab.process.kill('SIGINT')
  await lab.exited
  const records = await dump(url)
  t.regex(records, /user-1/)
  clean(t, readAll(lab.directory) + lab.output.stdout + lab.output.stderr + records)
})

async function dump(url: string): Promise<string> {
  const redis = new Redis(url)
  try {
    const keys = await redis.keys('*')
    const values = await Promise.all(keys.map((key) => redis.hgetall(key).catch(() => redis.get(key))))
    return JSON.stringify([keys, values])
  } finally {
    redis.disconnect()
  }
}

function readAll(directory: string): string {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((each) => each.isFile())
    .map((each) => readFileSync(path.join(each.parentPath, each.name), 'utf8'))
    .join('\n')
}
