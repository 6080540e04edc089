/** Real processes that die between the steps of a keyed request, and others that finish it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { redisMissing, redisServer } from '../support/redis/server.ts'

const PROGRAM = fileURLToPath(new URL('../fixtures/checkout-node.ts', import.meta.url))

interface Node {
  readonly url: string
  readonly process: ChildProcess
}

async function node(t: ExecutionContext, store: string): Promise<Node> {
  const child = fork(PROGRAM, [store], { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  const [port] = (await once(child, 'message')) as [number]
  return { url: `http://127.0.0.1:${port}`, process: child }
}

async function send({ url }: Node, path: string, cookie: string, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, { headers: { cookie, ...headers } })
  const setCookie = response.headers.getSetCookie()[0]?.split(';', 1)[0]
  return { response, body: (await response.json()) as Record<string, unknown>, cookie: setCookie ?? cookie }
}

const server = redisMissing === undefined ? redisServer() : undefined
const KEY = { 'Idempotency-Key': 'checkout' }

const dies = test.macro(async (t, at: string) => {
  const redis = await server
  const [doomed, other] = await Promise.all([node(t, redis?.url ?? ''), node(t, redis?.url ?? '')])
  const { cookie } = await send(doomed, '/begin', '')
  const gone = once(doomed.process, 'exit')
  await t.throwsAsync(send(doomed, '/checkout', cookie, { ...KEY, 'X-Die': at }))
  t.deepEqual(await gone, [null, 'SIGKILL'])

  const answers = []
  for (let repeat = 0; repeat < 3; repeat++) {
    const { response, body } = await send(other, '/checkout', cookie, KEY)
    t.is(response.status, 201)
    t.is(response.headers.get('location'), '/receipts/1')
    t.is(body['paid'], 1)
    answers.push(body)
  }
  t.deepEqual(answers[1], answers[0])
  t.deepEqual(answers[2], answers[0])
  const { body } = await send(other, '/', cookie)
  t.deepEqual(body, { user: 'u', reserved: 1, paid: 1, receipts: 1 })
})

const onRedis = redisMissing === undefined ? test.serial : test.skip
test.after.always(async () => await (await server)?.stop())

onRedis(
  'an answer that an update stored is given by another node, although its own died before it answered',
  async (t) => {
    const redis = await server
    const [doomed, other] = await Promise.all([node(t, redis?.url ?? ''), node(t, redis?.url ?? '')])
    const { cookie } = await send(doomed, '/begin', '')
    for (const [at, orders, isOfDoomed] of [
      ['before-commit 1', 1, false],
      ['after-commit 1', 2, true],
    ] as const) {
      const dying = at.startsWith('before') ? await node(t, redis?.url ?? '') : doomed
      const gone = once(dying.process, 'exit')
      const key = { 'Idempotency-Key': at.replace(' ', '-') }
      await t.throwsAsync(send(dying, '/order', cookie, { ...key, 'X-Die': at }))
      t.deepEqual(await gone, [null, 'SIGKILL'])
      const answered = isOfDoomed ? dying : other
      for (const repeat of [1, 2]) {
        const { body } = await send(other, '/order', cookie, key)
        t.deepEqual(body, { orders, process: answered.process.pid }, `${at}, repeat ${repeat}`)
      }
    }
  },
)

for (const [what, at] of [
  ['before its first step was committed', 'before-commit 1'],
  ['between its two steps', 'after-commit 1'],
  ['with its second step under way', 'before-commit 2'],
  ['after its two steps, before the save at the end', 'after-commit 2'],
  ['after all of it was committed, before it answered', 'after-commit 3'],
] as const)
  onRedis(`a request whose node died ${what} is completed by another, and every step of it is made once`, dies, at)
