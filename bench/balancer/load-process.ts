/**
 * Makes the load on balancers, in a process of its own. Every answer is checked against what was sent, so a subject can't be
 * fast by answering something else. The paced load has its due times fixed in advance, and a latency counts from the due
 * time: whoever is late is not spared what those behind it waited.
 */
import { Agent, request } from 'node:http'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { stayAwake } from '../harness/awake.ts'
import { CLIENTS, type LoadKind, type LoadResult, type LoadTask, PACE_PER_SECOND } from './load.ts'

const REQUEST_TIMEOUT_MS = 10_000
const BODY = JSON.stringify({ sku: 'notebook-a5-dotted', quantity: 2 })

const agents = new Map<number, Agent>()
let sent = 0

process.on('disconnect', () => process.exit())
process.on('message', (task: LoadTask) => {
  run(task).then(
    (result) => process.send?.(result),
    (error: Error) => process.send?.({ error: error.message }),
  )
})
process.send?.({})

async function run({ port, kind, requests }: LoadTask): Promise<LoadResult> {
  const histogram = createHistogram()
  const rest = stayAwake()
  try {
    if (kind === 'paced') await paced(port, requests, histogram)
    else await Promise.all(Array.from({ length: CLIENTS }, () => closedLoop(port, kind, requests / CLIENTS, histogram)))
  } finally {
    rest()
  }
  return {
    requests: histogram.count,
    p50Micros: histogram.percentile(50),
    p99Micros: histogram.percentile(99),
  }
}

async function closedLoop(
  port: number,
  kind: LoadKind,
  requests: number,
  histogram: RecordableHistogram,
): Promise<void> {
  for (let turn = 0; turn < requests; turn++) {
    const sentMs = performance.now()
    await ask(port, kind === 'post')
    record(histogram, sentMs)
  }
}

async function paced(port: number, requests: number, histogram: RecordableHistogram): Promise<void> {
  const beganMs = performance.now()
  const asked: Promise<void>[] = []
  for (let turn = 0; turn < requests; turn++) {
    const dueMs = beganMs + (turn * 1_000) / PACE_PER_SECOND
    // The process is awake anyway, and a timer would be late by up to a millisecond, which is more than what is measured.
    while (performance.now() < dueMs) await nextTurn()
    asked.push(ask(port, turn % 2 === 1).then(() => record(histogram, dueMs)))
  }
  await Promise.all(asked)
}

function record(histogram: RecordableHistogram, sinceMs: number): void {
  histogram.record(Math.max(1, Math.round((performance.now() - sinceMs) * 1_000)))
}

function ask(port: number, withBody: boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const path = `/${(sent += 1)}`
  const body = withBody ? BODY : ''
  const headers = { ...(withBody && { 'content-type': 'application/json', 'content-length': body.length }) }
  const outgoing = request({
    host: '127.0.0.1',
    port,
    path,
    method: withBody ? 'POST' : 'GET',
    agent: agentOf(port),
    headers,
    timeout: REQUEST_TIMEOUT_MS,
  })
  outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${REQUEST_TIMEOUT_MS} ms`)))
  outgoing.on('error', reject)
  outgoing.on('response', (answer) => {
    let text = ''
    answer.setEncoding('utf8').on('error', reject)
    answer.on('data', (part: string) => (text += part))
    answer.on('end', () => {
      const right = answer.statusCode === 200 && isEcho(text, path, body)
      if (right) resolve()
      else reject(new Error(`${path} was answered by ${answer.statusCode} ${text.slice(0, 200)}`))
    })
  })
  outgoing.end(body)
  return promise
}

function isEcho(text: string, path: string, body: string): boolean {
  const echo = JSON.parse(text) as { url?: string; body?: string }
  return echo.url === path && echo.body === body
}

function agentOf(port: number): Agent {
  const agent = agents.get(port) ?? new Agent({ keepAlive: true })
  agents.set(port, agent)
  return agent
}
