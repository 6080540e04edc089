/**
 * Makes the load, in a process of its own. Due times are fixed in advance, and a latency counts from the due time. Each user has a
 * connection, and sends a request when the one before is answered. The process never sleeps while it measures: see METHOD.md.
 */
import { Agent } from 'node:http'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ask } from '../harness/ask.ts'
import { answerQuestions } from '../harness/processes/worker-process.ts'
import type { LoadResult, LoadTask } from './load.ts'

interface User {
  readonly name: string
  readonly port: number
  readonly agent: Agent
  readonly cookies: Map<string, string>
  added: number
  /** Settles when its last request so far is answered. */
  last: Promise<void>
}

const SKU = 'notebook-a5-dotted'
const BODY = JSON.stringify({ sku: SKU })

let users: readonly User[] = []

answerQuestions((task: LoadTask) => ('logIn' in task ? logIn(task.logIn) : shop(task.shop)))

async function logIn({ url, users: count }: { url: string; users: number }): Promise<object> {
  const port = Number(new URL(url).port)
  for (const { agent } of users) agent.destroy()
  users = Array.from({ length: count }, (_, number) => ({
    name: `user-${number}`,
    port,
    agent: new Agent({ keepAlive: true, maxSockets: 1 }),
    cookies: new Map(),
    added: 0,
    last: Promise.resolve(),
  }))
  for (const [number, user] of users.entries())
    await askAs(user, 'POST', '/api/login', JSON.stringify({ name: user.name, password: `password-${number}` }))
  return {}
}

async function shop({ perSecond, seconds }: { perSecond: number; seconds: number }): Promise<LoadResult> {
  const micros = createHistogram()
  const beganMs = performance.now()
  for (let turn = 0; turn < perSecond * seconds; turn++) {
    const dueMs = beganMs + (turn * 1_000) / perSecond
    while (performance.now() < dueMs) await nextTurn()
    const user = users[turn % users.length] as User
    // Each user looks and adds in turns.
    const adds = Math.floor(turn / users.length) % 2 === 1
    user.last = user.last.then(() => visit(user, adds, dueMs, micros))
  }
  await Promise.all(users.map(({ last }) => last))
  return { requests: micros.count, p50Ms: micros.percentile(50) / 1_000, p99Ms: micros.percentile(99) / 1_000 }
}

async function visit(user: User, adds: boolean, dueMs: number, micros: RecordableHistogram): Promise<void> {
  const text = adds ? await askAs(user, 'POST', '/api/cart', BODY) : await askAs(user, 'GET', '/api/cart')
  if (adds) user.added++
  const { user: name, items } = JSON.parse(text) as { user?: string; items?: { quantity: number }[] }
  const quantity = items?.reduce((sum, item) => sum + item.quantity, 0)
  if (name !== user.name || quantity !== user.added)
    throw new Error(`${user.name} added ${user.added} and was answered ${text.slice(0, 200)}`)
  micros.record(Math.max(1, Math.round((performance.now() - dueMs) * 1_000)))
}

async function askAs(
  { port, agent, cookies }: User,
  method: 'GET' | 'POST',
  path: string,
  body?: string,
): Promise<string> {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const headers = {
    ...(cookie !== '' && { cookie }),
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
  }
  const answer = await ask({ port, method, path, agent, headers, ...(body !== undefined && { body }) })
  for (const pair of answer.cookie.split('; ').filter(Boolean)) {
    const at = pair.indexOf('=')
    cookies.set(pair.slice(0, at), pair.slice(at + 1))
  }
  return answer.text
}
