/**
 * Makes the load, in a process of its own. A closed loop: each user sends its next request when the last one is answered,
 * over one connection that is kept alive. Every answer is checked against the expected contents of the user's session, so
 * a subject can't be fast by forgetting.
 */
import { Agent } from 'node:http'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { type Answered, ask } from '../harness/ask.ts'
import { stayAwake } from '../harness/processes/awake.ts'
import { answerQuestions } from '../harness/processes/worker-process.ts'
import type { LoadResult, LoadTask, RequestKind } from './load.ts'

interface User {
  readonly name: string
  readonly port: number
  readonly agent: Agent
  cookie: string
  writes: number
}

const usersOf = new Map<string, readonly User[]>()

answerQuestions((task: LoadTask) => done(task))

async function done(task: LoadTask): Promise<LoadResult | object> {
  if (task.task === 'run') return await run(usersOf.get(task.subject)?.slice(0, task.users) ?? [], task)
  const numbers = Array.from({ length: task.users }, (_, number) => number)
  usersOf.set(task.subject, await Promise.all(numbers.map((number) => begin(task.port, `user-${number}`))))
  return {}
}

async function begin(port: number, name: string): Promise<User> {
  const user: User = { name, port, agent: new Agent({ keepAlive: true, maxSockets: 1 }), cookie: '', writes: 0 }
  user.cookie = (await askAs(user, 'POST', `/begin?${name}`)).cookie
  return user
}

async function run(users: readonly User[], { kind, requests }: { kind: RequestKind; requests: number }) {
  const histogram = createHistogram()
  const each = Math.ceil(requests / users.length)
  const rest = stayAwake()
  await Promise.all(users.map((user) => askRepeatedly(user, kind, each, histogram)))
  rest()
  return {
    requests: each * users.length,
    p50Micros: histogram.percentile(50),
    p99Micros: histogram.percentile(99),
  }
}

async function askRepeatedly(user: User, kind: RequestKind, times: number, histogram: RecordableHistogram) {
  for (let turn = 0; turn < times; turn++) {
    const sentMs = performance.now()
    const { text, cookie } = kind === 'read' ? await askAs(user, 'GET', '/read') : await askAs(user, 'POST', '/write')
    if (cookie !== '') user.cookie = cookie
    histogram.record(Math.max(1, Math.round((performance.now() - sentMs) * 1_000)))
    if (kind === 'write') user.writes++
    const { user: name, count } = JSON.parse(text) as { user?: string; count?: number }
    if (name !== user.name || count !== user.writes) {
      throw new Error(`/${kind} of ${user.name} after ${user.writes} writes was answered by ${text}`)
    }
  }
}

function askAs({ port, agent, cookie }: User, method: 'GET' | 'POST', path: string): Promise<Answered> {
  const headers = { ...(cookie !== '' && { cookie }), ...(method === 'POST' && { 'content-length': 0 }) }
  return ask({ port, method, path, agent, headers })
}
