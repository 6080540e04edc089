/**
 * Three nodes become five and three again while users shop, by what an operator does: start a process, let the DNS name lead to it, add
 * it by a node's admin port, give it to the balancer; and all of that backwards. Nodes are processes at loopback addresses of their own.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { until } from '@ninelives/lab'
import { freePort, startBalancer } from '../packages/balancer/test/fixtures/processes.ts'
import { type NodeProcess, nodeProcess } from '../packages/node/test/support/node-process.ts'
import { shoppers } from './support/shoppers.ts'

const TOKEN = 'a-token-of-operators'
const HOST = 'nodes.test'
const USERS = 20
const FOUNDERS = ['a', 'b', 'c']
const MORE_WRITES = 60
/** For a machine that does other things as well. */
const DEADLINE_MS = 120_000

const resolver = new URL('support/resolved-from-file.ts', import.meta.url).href

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

async function asOperator(url: string, method = 'GET', payload?: object): Promise<Answer> {
  const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' }
  const response = await fetch(url, { method, headers, ...(payload && { body: JSON.stringify(payload) }) })
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}

/** The request is sent again while the answer is that something is not there yet, as an operator would. */
async function isDone(url: string, method: string, payload?: object): Promise<Answer> {
  let answer: Answer | undefined
  const look = async (): Promise<boolean> => {
    answer = await asOperator(url, method, payload)
    return answer.status < 300
  }
  await until(look, { deadlineMs: DEADLINE_MS, what: `${method} ${url}` }).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(answer)}`)
  })
  return answer as Answer
}

const addressOf = (name: string): string => `127.0.0.${name.charCodeAt(0)}`

/** Starts nodes by their names, and says which addresses the DNS name has. */
async function nodesBehindDns(t: ExecutionContext): Promise<{
  readonly start: (name: string) => NodeProcess
  readonly resolveTo: (names: readonly string[]) => Promise<void>
}> {
  const folder = await mkdtemp(join(tmpdir(), 'ninelives-members-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const port = await freePort()
  return {
    start: (name) =>
      nodeProcess(t, {
        NODE_NAME: name,
        NODE_OPTIONS: `--import=${resolver}`,
        NODES_HOST: HOST,
        NODES_FILE: join(folder, 'addresses'),
        STORE: `replicated:?members=${FOUNDERS.join()}&names=a,b,c,d,e&dns=${HOST}:${port}&listen=${addressOf(name)}:${port}`,
        MESH_SECRET: 'the secret of all nodes of this mesh',
        SESSION_KEYS: 'the key of all nodes that signs cookies',
        ADMIN_TOKEN: TOKEN,
        ADMIN_PORT: '0',
        ACCOUNTS: String(USERS),
        LOGIN_THROTTLE: 'off',
        VISITOR_THROTTLE: 'off',
      }),
    resolveTo: (names) => writeFile(join(folder, 'addresses'), `${names.map(addressOf).join('\n')}\n`),
  }
}

async function adminOf(node: NodeProcess): Promise<string> {
  let url: unknown
  const look = (): boolean =>
    (url = node.logged.find(({ event }) => event === 'admin-listening')?.['url']) !== undefined
  await until(look, { deadlineMs: DEADLINE_MS, what: 'the admin port' })
  return url as string
}

test.serial('three nodes become five and three again, and no user notices', async (t) => {
  t.timeout(10 * 60_000)
  const { start, resolveTo } = await nodesBehindDns(t)
  await resolveTo(FOUNDERS)
  const nodes = new Map(FOUNDERS.map((name) => [name, start(name)]))
  const urls = await Promise.all([...nodes].map(async ([name, node]) => `${name}=${await node.ready()}`))
  const [ofA, ofB, ofC] = (await Promise.all([...nodes.values()].map(adminOf))) as [string, string, string]
  const balancer = startBalancer(t, {
    PORT: '0',
    UPSTREAMS: urls.join(),
    ADMIN_PORT: '0',
    ADMIN_TOKEN: TOKEN,
    LOG_LEVEL: 'silent',
  })
  const { url: shop, adminUrl = '' } = await balancer.ready
  const upstreams = async (): Promise<string[]> => {
    const { body } = await asOperator(`${adminUrl}/upstreams`)
    return (body['upstreams'] as { name: string; state: string }[])
      .filter(({ state }) => state === 'up')
      .map(({ name }) => name)
  }
  const users = shoppers(shop, { users: USERS, tabs: 2, operationsPerSecond: 80 })
  await users.begin()
  const ending = new AbortController()
  const shopping = users.shop(ending.signal)
  const moreWrites = async (): Promise<void> => {
    const before = users.counts.acknowledged
    const look = (): boolean => users.counts.acknowledged >= before + MORE_WRITES
    await until(look, { deadlineMs: DEADLINE_MS, what: 'writes' })
  }
  await moreWrites()

  for (const [name, admin] of [
    ['d', ofA],
    ['e', ofB],
  ] as const) {
    const node = start(name)
    nodes.set(name, node)
    await resolveTo([...nodes.keys()])
    const { body } = await isDone(`${admin}/members/${name}`, 'PUT')
    t.true((body['counted'] as string[]).includes(name))
    await isDone(`${adminUrl}/upstreams`, 'POST', { upstream: `${name}=${await node.ready()}` })
    await until(async () => (await upstreams()).includes(name), { deadlineMs: DEADLINE_MS, what: `${name} to serve` })
    await moreWrites()
  }
  const { body: ofFive } = await asOperator(`${ofC}/members`)
  t.deepEqual(ofFive, { node: 'c', counted: ['a', 'b', 'c', 'd', 'e'], spare: [], apart: [] })

  for (const [name, admin] of [
    ['e', ofA],
    ['d', ofC],
  ] as const) {
    await isDone(`${adminUrl}/upstreams/${name}`, 'DELETE')
    await until(async () => !(await upstreams()).includes(name), { deadlineMs: DEADLINE_MS, what: `${name} to leave` })
    await isDone(`${admin}/members/${name}`, 'DELETE')
    const node = nodes.get(name)
    nodes.delete(name)
    await resolveTo([...nodes.keys()])
    node?.process.kill('SIGTERM')
    t.deepEqual(await node?.ended, { code: 0, signal: null })
    await moreWrites()
  }
  ending.abort()
  await shopping
  t.deepEqual(await users.harm(), { loggedOut: 0, stale: [], lost: [], doubled: [] })
  const { body: ofThree } = await asOperator(`${ofB}/members`)
  t.deepEqual(ofThree, { node: 'b', counted: FOUNDERS, spare: ['d', 'e'], apart: ['d', 'e'] })
  const { operations, acknowledged, failed, slowestMs } = users.counts
  t.log(
    `${operations} operations, ${acknowledged} writes acknowledged, ${failed} failed, slowest ${Math.round(slowestMs)} ms`,
  )
})
