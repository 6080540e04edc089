/**
 * The promise of the whole: one client keeps adding to its cart at 100 requests a second while a node is killed by its
 * pid. What it may notice depends on the strategy, and the lab says so.
 */
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { type Running, runUp } from '../packages/lab/test/fixtures/command.ts'
import { until } from '@ninelives/lab'

const EVERY_MS = 10
/** How long the death of a process may stay unnoticed by its peers on a busy machine. */
const IN_FLIGHT_MS = 5_000
const IN_FLIGHT_FAILURES_MAX = 10

interface Answer {
  readonly sku: string
  readonly sentAtMs: number
  /** 0 when there was none. */
  readonly status: number
  readonly node: string
}

interface Cart {
  readonly items: readonly { readonly sku: string; readonly quantity: number }[]
}

/** A browser in the least that matters: it keeps its cookies. */
class Shopper {
  readonly answers: Answer[] = []
  readonly #shop: string
  readonly #cookies = new Map<string, string>()
  #done = false

  constructor(shop: string) {
    this.#shop = shop
  }

  async login(): Promise<string> {
    const response = await this.#fetch('/api/login', { name: 'user-0', password: 'password-0' })
    if (response.status !== 200) throw new Error(`the login was answered by ${response.status}`)
    return response.headers.get('x-served-by') ?? ''
  }

  async cart(): Promise<Cart> {
    const response = await this.#fetch('/api/cart')
    return (await response.json()) as Cart
  }

  /** One each EVERY_MS, one after the other as in a tab; what fell behind is made up for. */
  async keepAdding(): Promise<void> {
    for (let dueMs = performance.now(); !this.#done; dueMs += EVERY_MS) {
      await sleep(Math.max(0, dueMs - performance.now()))
      await this.#add(`sku-${this.answers.length}`)
    }
  }

  stopAdding(): void {
    this.#done = true
  }

  async #add(sku: string): Promise<void> {
    const sentAtMs = performance.now()
    const response = await this.#fetch('/api/cart', { sku }).catch(() => undefined)
    await response?.arrayBuffer().catch(() => undefined)
    const node = response?.headers.get('x-served-by') ?? ''
    this.answers.push({ sku, sentAtMs, status: response?.status ?? 0, node })
  }

  async #fetch(path: string, body?: unknown): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(this.#shop + path, {
      headers: { 'content-type': 'application/json', cookie },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    })
    for (const setCookie of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (setCookie.split(';')[0] ?? '').split(/=(.*)/s)
      if (value === '') this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    return response
  }
}

async function killByPid({ control }: Running, name: string): Promise<number> {
  const { nodes } = (await (await fetch(`${control}/api/cluster`)).json()) as { nodes: { name: string; pid: number }[] }
  const { pid } = nodes.find((node) => node.name === name) ?? { pid: 0 }
  process.kill(pid, 'SIGKILL')
  return performance.now()
}

function untilTold({ output }: Running, line: RegExp): Promise<void> {
  return until(() => line.test(output.stdout), { deadlineMs: 60_000, what: `the lab to say ${line}` })
}

/** A balancer that gets no processor time in between may miss that it was away. */
function untilBack(lab: Running): Promise<void> {
  return untilTold(lab, /node-b is back after/)
}

/** A shopper whose login that node has served. */
async function shopperOn(lab: Running, node: string): Promise<Shopper> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const shopper = new Shopper(lab.shop)
    if ((await shopper.login()) === node) return shopper
  }
  throw new Error(`20 logins, and none on node ${node}`)
}

const redisHint = 'needs redis-server on the PATH (apt-get install redis-server, or brew install redis)'
const hasRedis = spawnSync('redis-server', ['--version']).status === 0
if (!hasRedis && process.env['CI'] === 'true') throw new Error(redisHint)
const onRedis = hasRedis ? test.serial : test.serial.skip
if (!hasRedis) test.skip(`redis: ${redisHint}`, () => {})

onRedis('redis: no user is logged out, no item is lost, and no request fails', async (t) => {
  const lab = await runUp(t, '--strategy', 'redis', '--users', '0')
  const shopper = await shopperOn(lab, 'b')
  const adding = shopper.keepAdding()
  await until(() => shopper.answers.length > 100, { deadlineMs: 60_000, what: 'a hundred items' })
  const killedAtMs = await killByPid(lab, 'b')
  await untilBack(lab)
  const lately = () => new Set(shopper.answers.slice(-30).map(({ node }) => node)).size
  await until(() => shopper.answers.length > 200 && lately() === 3, { deadlineMs: 60_000, what: 'all nodes to serve' })
  shopper.stopAdding()
  await adding

  const bad = shopper.answers.filter(({ status }) => status !== 200)
  t.deepEqual(
    bad.filter(({ status }) => status === 401),
    [],
    'no user was logged out',
  )
  t.deepEqual(
    bad.filter(({ sentAtMs }) => sentAtMs < killedAtMs - IN_FLIGHT_MS || sentAtMs > killedAtMs + IN_FLIGHT_MS),
    [],
    'only what was in flight may have failed',
  )
  t.true(bad.length <= IN_FLIGHT_FAILURES_MAX, `${bad.length} failed`)

  const { items } = await shopper.cart()
  const quantities = new Map(items.map(({ sku, quantity }) => [sku, quantity]))
  const acknowledged = shopper.answers.filter(({ status }) => status === 200)
  t.true(acknowledged.length > 200)
  t.deepEqual(
    acknowledged.filter(({ sku }) => quantities.get(sku) !== 1),
    [],
    'every acknowledged item is there, once',
  )
  await untilTold(lab, /node-b died \(SIGKILL\); sessions are in Redis: no user is logged out\n/)
  await untilTold(lab, /node-b is back after \d+\.\d s, pid \d+\n/)
})

test.serial('sticky: the users of the node are logged out, and the lab says why', async (t) => {
  const lab = await runUp(t, '--strategy', 'sticky', '--users', '0')
  const shopper = await shopperOn(lab, 'b')
  const other = await shopperOn(lab, 'a')
  const adding = Promise.all([shopper.keepAdding(), other.keepAdding()])
  await until(() => shopper.answers.length > 100 && other.answers.length > 100, {
    deadlineMs: 60_000,
    what: 'a hundred items each',
  })
  t.true(shopper.answers.every(({ status, node }) => status === 200 && node === 'b'))
  const held = async (): Promise<boolean> => {
    const { nodes } = (await (await fetch(`${lab.control}/api/cluster`)).json()) as { nodes: { sessions: number }[] }
    return (nodes[1]?.sessions ?? 0) > 0
  }
  await until(held, { deadlineMs: 60_000, what: 'the lab to know what node b holds' })
  await killByPid(lab, 'b')
  await until(() => shopper.answers.some(({ status }) => status === 401), { deadlineMs: 60_000, what: 'the logout' })
  shopper.stopAdding()
  other.stopAdding()
  await adding
  t.true(
    other.answers.every(({ status }) => status === 200),
    'users of the other nodes notice nothing',
  )
  await untilTold(
    lab,
    /node-b died \(SIGKILL\), it held \d+ sessions?; sticky keeps sessions in one node's memory, so its users are logged out — try --strategy replicated\n/,
  )
})

test.serial(
  'memory: users are logged out even without a fault, and the lab says so before anything happens',
  async (t) => {
    const lab = await runUp(t, '--strategy', 'memory', '--users', '0')
    const shopper = await shopperOn(lab, 'b')
    const adding = shopper.keepAdding()
    await until(() => shopper.answers.some(({ status }) => status === 401), { deadlineMs: 60_000, what: 'the logout' })
    shopper.stopAdding()
    await adding
    t.regex(lab.output.stdout, /while the balancer takes turns, so users are logged out at their next request\n/)
    await killByPid(lab, 'b')
    await untilBack(lab)
    t.regex(
      lab.output.stdout,
      /node-b died \(SIGKILL\).*memory keeps sessions in one node's memory, so its users are logged out/,
    )
  },
)
