/** Real processes whose sessions are in their cookies, and whose revocations are in the memory of all: some of them die. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { meshPort } from '../../support/mesh/ports.ts'
import { until } from '../../support/until.ts'

const PROGRAM = fileURLToPath(new URL('../../fixtures/checkout-node.ts', import.meta.url))
const NAMES = ['a', 'b', 'c'] as const
const KEY = { 'Idempotency-Key': 'checkout' }

interface Node {
  readonly url: string
  readonly process: ChildProcess
}

/** Another process may take a port before its node does. */
const STARTS_MAX = 3

async function nodes(t: ExecutionContext): Promise<[Node, Node, Node]> {
  for (let start = 1; ; start++) {
    const peers: string[] = []
    for (const name of NAMES) peers.push(`${name}=127.0.0.1:${await meshPort()}`)
    const started = await Promise.allSettled(NAMES.map((name) => node(t, name, peers.join(','))))
    const running = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    if (running.length === NAMES.length) return running as [Node, Node, Node]
    if (start === STARTS_MAX) throw new Error('a node did not start')
    await Promise.all(running.map(killed))
  }
}

async function node(t: ExecutionContext, name: string, peers: string): Promise<Node> {
  const revocations = encodeURIComponent(`replicated:?name=${name}&peers=${peers}`)
  const child = fork(PROGRAM, [`token:?revocations=${revocations}`], { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  const told = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (child.exitCode !== null) throw new Error(`node ${name} ended with code ${child.exitCode}`)
  return { url: `http://127.0.0.1:${told[0] as number}`, process: child }
}

/** A request with this cookie; what the browser has after it. */
async function send({ url }: Node, path: string, cookie: string, headers: Record<string, string> = {}) {
  const answer = await fetch(url + path, { headers: { cookie, ...headers } })
  const text = await answer.text()
  const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : undefined
  const [setCookie] = answer.headers.getSetCookie()
  return { status: answer.status, body, cookie: setCookie?.split(';', 1)[0] ?? cookie }
}

async function killed({ process }: Node): Promise<void> {
  const gone = once(process, 'exit')
  process.kill('SIGKILL')
  await gone
}

/** A majority has to agree that a node is gone; until then the others wait for it. */
async function served(node: Node, path: string, cookie: string) {
  let answer = await send(node, path, cookie)
  await until('the node to serve', async () => {
    answer = await send(node, path, cookie)
    return answer.status !== 503
  })
  return answer
}

test('a session goes on at the other nodes when the one that wrote it dies, and a logout stays one', async (t) => {
  const [a, b, c] = await nodes(t)
  const begun = await send(a, '/begin', '')
  const paid = await send(a, '/checkout', begun.cookie)
  t.is(paid.body?.['paid'], 1)
  await killed(a)
  const looked = await served(b, '/', paid.cookie)
  t.like(looked.body, { user: 'u', reserved: 1, paid: 1, receipts: 1 })
  await send(b, '/end', looked.cookie)
  const copies = [begun.cookie, paid.cookie, looked.cookie]
  for (const node of [b, c]) for (const copy of copies) t.deepEqual((await send(node, '/', copy)).body, {})

  // One node of three can't know what the others have ended, once its lease is over.
  await killed(b)
  await until('the node alone to refuse', async () => (await send(c, '/', begun.cookie)).status === 503)
})

test('a request whose node dies before it answers is made anew by another, and has its effect once', async (t) => {
  const [a, b, c] = await nodes(t)
  const { cookie } = await send(a, '/begin', '')
  const gone = once(a.process, 'exit')
  await t.throwsAsync(send(a, '/checkout', cookie, { ...KEY, 'X-Die': 'after-commit 3' }))
  t.deepEqual(await gone, [null, 'SIGKILL'])

  await served(b, '/', cookie)
  const first = await send(b, '/checkout', cookie, KEY)
  const repeat = await send(c, '/checkout', first.cookie, KEY)
  t.deepEqual([first.status, repeat.status], [201, 201])
  t.deepEqual(repeat.body, first.body)
  t.deepEqual((await send(c, '/', repeat.cookie)).body, { user: 'u', reserved: 1, paid: 1, receipts: 1 })
})
