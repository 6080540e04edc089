import { once } from 'node:events'
import { type ClientRequest, createServer, request } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import { type Beat, type ClusterState, reduce, type TraceEvent } from '@ninelives/history'
import { EventStream } from '../../src/control/event-stream.ts'
import type { Lab } from '../../src/lab.ts'
import { until } from '../../src/wait.ts'
import { openedLab } from '../fixtures/open-lab.ts'

interface Message {
  readonly id: string
  readonly event: string
  readonly data: unknown
}

/** The messages as they come, of a client that read that id last. */
function listen(t: ExecutionContext, { control }: Lab, lastEventId?: string, query = ''): Message[] {
  const messages: Message[] = []
  const headers = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }
  const asked = request(`${control.url}/api/events${query}`, { headers }, (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      const blocks = (text + chunk).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) if (block.includes('data: ')) messages.push(parse(block))
    })
    response.on('error', () => undefined)
  })
  asked.on('error', () => undefined)
  asked.end()
  t.teardown(() => asked.destroy())
  return messages
}

function parse(block: string): Message {
  const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s) as [string, string]))
  return {
    id: fields.get('id') ?? '',
    event: fields.get('event') ?? 'message',
    data: JSON.parse(fields.get('data') ?? ''),
  }
}

const arrive = (messages: readonly unknown[], count: number): Promise<void> =>
  until(() => messages.length >= count, { deadlineMs: 60_000, what: `${count} messages` })

test("a new client reaches the lab's state", async (t) => {
  const lab = await openedLab(t)
  lab.trace.append({ type: 'node-paused', node: 'a' })
  const messages = listen(t, lab)
  await arrive(messages, 3)
  lab.trace.append({ type: 'node-resumed', node: 'a' })
  await arrive(messages, 4)
  t.deepEqual(
    messages.map(({ id, event }) => [id, event]),
    [
      ['test-run:-1', 'state'],
      ['test-run:0', 'message'],
      ['test-run:1', 'message'],
      ['test-run:2', 'message'],
    ],
  )
  const [base, ...events] = messages.map(({ data }) => data)
  t.deepEqual((events as TraceEvent[]).reduce(reduce, base as ClusterState), lab.trace.state)
})

test('a client resumes where it was', async (t) => {
  const lab = await openedLab(t)
  for (let n = 0; n < 5; n++) lab.trace.append({ type: 'node-paused', node: 'a' })
  const messages = listen(t, lab, 'test-run:3')
  await arrive(messages, 2)
  t.deepEqual(
    messages.map(({ id }) => id),
    ['test-run:4', 'test-run:5'],
  )
})

test('a client with the id of another run, or with a bad one, starts with the state', async (t) => {
  const lab = await openedLab(t)
  for (const id of ['yesterday:3', 'test-run:99', 'test-run:x', '']) {
    const messages = listen(t, lab, id)
    await arrive(messages, 2)
    t.is(messages[0]?.event, 'state', id)
  }
})

test('a client that asks for the users gets them as a whole, and then what changes', async (t) => {
  const lab = await openedLab(t)
  const plain = listen(t, lab)
  const messages = listen(t, lab, undefined, '?users=on')
  const crowd = (): unknown => messages.find(({ event }) => event === 'crowd')?.data
  await until(() => crowd() !== undefined, { deadlineMs: 60_000, what: 'the view of all users' })
  t.like(crowd(), { nodes: ['a', 'b'], served: [], incidents: [] })
  const times = { dueAtMs: 5, sentAtMs: 5, lateMs: 0 }
  lab.trace.append({ type: 'operation-sent', op: 1, user: 'user-2', visit: 1, tab: 0, kind: 'login', ...times })
  lab.trace.append({ type: 'operation-ended', op: 1, endedAtMs: 7, outcome: 'ok', node: 'b' })
  const beats = (): readonly Beat[] => messages.filter(({ event }) => event === 'beat').map(({ data }) => data as Beat)
  await until(() => beats().some(({ ops }) => ops.length > 0), { deadlineMs: 60_000, what: 'a beat with the login' })
  t.deepEqual(
    beats().flatMap(({ standings }) => standings),
    [2, 1],
  )
  t.deepEqual(
    plain.filter(({ event }) => event === 'crowd' || event === 'beat'),
    [],
  )
})

test('a client that does not read is disconnected, and others are not', async (t) => {
  const lab = await openedLab(t)
  const { trace } = lab
  const stream = new EventStream({ needed: lab, follow: (listener) => lab.follow(listener) })
  const cut: string[] = []
  const server = createServer((asked, response) => {
    stream.open(asked, response)
    response.on('close', () => cut.push(asked.url ?? ''))
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    stream.close()
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = (path: string): ClientRequest => {
    const asked = request(`http://127.0.0.1:${port}${path}`)
    asked.on('error', () => undefined)
    asked.end()
    t.teardown(() => asked.destroy())
    return asked
  }
  let read = 0
  client('/eager').on('response', (response) => response.on('data', (chunk: Buffer) => (read += chunk.length)))
  client('/lazy').on('response', (response) => response.pause())

  const detail = { filler: 'x'.repeat(64 * 1024) }
  const fill = (): boolean => {
    trace.append({ type: 'process-noted', process: 'node-a', event: 'flood', warns: false, detail })
    return cut.length > 0
  }
  await until(fill, { deadlineMs: 60_000, everyMs: 1, what: 'a client to be cut off' })
  t.deepEqual(cut, ['/lazy'])
  t.true(read > 4 * 1024 * 1024)
})
