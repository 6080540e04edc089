/**
 * Makes the load on balancers, in a process of its own. Every answer is checked against the request, so a subject can't be
 * fast by answering something else. The paced load has its due times fixed in advance, and a latency counts from the due
 * time, so that a slow answer also delays the requests behind it.
 */
import { Agent } from 'node:http'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Answered, ask } from '../harness/ask.ts'
import { stayAwake } from '../harness/processes/awake.ts'
import { answerQuestions } from '../harness/processes/worker-process.ts'
import { CLIENTS, type LoadResult, type LoadTask, PACE_PER_SECOND } from './load.ts'

const BODY = JSON.stringify({ sku: 'notebook-a5-dotted', quantity: 2 })

const agents = new Map<number, Agent>()
/** Of the shop's users, one a client. The nodes have one session for all ways to them. */
const cookies: string[] = []
let sent = 0

answerQuestions((task: LoadTask) => run(task))

async function run({ port, kind, requests }: LoadTask): Promise<LoadResult> {
  if (kind === 'shop') await logIn(port)
  const histogram = createHistogram()
  const rest = stayAwake()
  try {
    if (kind === 'paced') await paced(port, requests, histogram)
    else {
      const once = (client: number) => (kind === 'shop' ? lookIntoCart(port, client) : askOnce(port, kind === 'post'))
      const clients = Array.from({ length: CLIENTS }, (_, client) => client)
      await Promise.all(clients.map((client) => closedLoop(() => once(client), requests / CLIENTS, histogram)))
    }
  } finally {
    rest()
  }
  return {
    requests: histogram.count,
    p50Micros: histogram.percentile(50),
    p99Micros: histogram.percentile(99),
  }
}

async function closedLoop(once: () => Promise<void>, requests: number, histogram: RecordableHistogram): Promise<void> {
  for (let turn = 0; turn < requests; turn++) {
    const sentMs = performance.now()
    await once()
    record(histogram, sentMs)
  }
}

async function paced(port: number, requests: number, histogram: RecordableHistogram): Promise<void> {
  const beganMs = performance.now()
  const asked: Promise<void>[] = []
  for (let turn = 0; turn < requests; turn++) {
    const dueMs = beganMs + (turn * 1_000) / PACE_PER_SECOND
    // A timer would be late by up to a millisecond, which is more than the measured difference.
    while (performance.now() < dueMs) await nextTurn()
    asked.push(askOnce(port, turn % 2 === 1).then(() => record(histogram, dueMs)))
  }
  await Promise.all(asked)
}

function record(histogram: RecordableHistogram, sinceMs: number): void {
  histogram.record(Math.max(1, Math.round((performance.now() - sinceMs) * 1_000)))
}

async function askOnce(port: number, withBody: boolean): Promise<void> {
  const path = `/${(sent += 1)}`
  const body = withBody ? BODY : ''
  const headers = withBody ? { 'content-type': 'application/json', 'content-length': body.length } : {}
  const { text } = await ask({ port, path, method: withBody ? 'POST' : 'GET', agent: agentOf(port), headers, body })
  const echo = JSON.parse(text) as { url?: string; body?: string }
  if (echo.url !== path || echo.body !== body) throw new Error(`${path} was answered by ${text.slice(0, 200)}`)
}

/** At the first look: each user has one thing in the cart. */
async function logIn(port: number): Promise<void> {
  while (cookies.length < CLIENTS) {
    const number = cookies.length
    const login = JSON.stringify({ name: `user-${number}`, password: `password-${number}` })
    const { cookie } = await asShopper(port, '/api/login', '', login)
    await asShopper(port, '/api/cart', cookie, BODY)
    cookies.push(cookie)
  }
}

async function lookIntoCart(port: number, client: number): Promise<void> {
  const { text } = await asShopper(port, '/api/cart', cookies[client] ?? '')
  const { user, items } = JSON.parse(text) as { user?: string; items?: unknown[] }
  if (user !== `user-${client}` || items?.length !== 1)
    throw new Error(`user-${client} was answered ${text.slice(0, 200)}`)
}

function asShopper(port: number, path: string, cookie: string, body = ''): Promise<Answered> {
  const ofBody = body === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const headers = { ...ofBody, ...(cookie !== '' && { cookie }) }
  return ask({ port, path, method: body === '' ? 'GET' : 'POST', agent: agentOf(port), headers, body })
}

function agentOf(port: number): Agent {
  const agent = agents.get(port) ?? new Agent({ keepAlive: true })
  agents.set(port, agent)
  return agent
}
