/**
 * A virtual user's client over one connection of autocannon. autocannon by itself sends the next request as soon as it has an
 * answer, and sends again without a word what a broken connection lost; here the user decides what is sent and when, and a broken
 * connection is an error. That takes two methods of autocannon's inside, so its version is pinned: see test/autocannon-canary.test.ts.
 */
import type { Call, Client, CookieJar, Reply } from '@ninelives/lab'
import autocannon from 'autocannon'

export interface AutocannonClient extends autocannon.Client {
  /** Connects. Called at the beginning, and whenever a connection ended, for whatever reason. */
  _connect(): void
  /** Sends the request that was set. Called after connecting, and after each answer. */
  _doRequest(): void
}

type Headers = Readonly<Record<string, string | string[]>>

const ANSWER_TIMEOUT_S = 5
/** The process is ended long before. */
const DURATION_S = 1_000_000

/** Without a rate of autocannon's, which would send in bursts, and correct for coordinated omission wrongly. */
export function connections(url: string, count: number): Pick<Client, 'call'>[] {
  const clients: Pick<Client, 'call'>[] = []
  void autocannon({
    url,
    connections: count,
    duration: DURATION_S,
    timeout: ANSWER_TIMEOUT_S,
    setupClient: (client) => void clients.push(userClient(client as AutocannonClient)),
  })
  return clients
}

function userClient(client: AutocannonClient): Pick<Client, 'call'> {
  const original = Object.getPrototypeOf(client) as AutocannonClient
  let fail: ((error: Error) => void) | undefined
  client._doRequest = () => undefined
  client._connect = () => {
    fail?.(new Error('a connection broke, or was not answered in time, while nothing was broken on purpose'))
    original._connect.call(client)
  }
  return {
    async call(call, jar) {
      const { promise, resolve, reject } = Promise.withResolvers<Reply>()
      fail = reject
      const onResponse = (status: number, body: string, _context: object, headers: object = {}): void => {
        fail = undefined
        jar.store(valuesOf(headers as Headers, 'set-cookie'))
        resolve(readReply(status, body, headers as Headers))
      }
      client.setRequests([{ ...onTheWire(call, jar), onResponse }])
      original._doRequest.call(client)
      return await promise
    },
  }
}

/** As the lab's own client sends it. */
function onTheWire({ method, path, body, idempotencyKey }: Call, jar: CookieJar): autocannon.Request {
  const text = body === undefined ? '' : JSON.stringify(body)
  const cookie = jar.header()
  const headers = {
    accept: 'application/json',
    ...(text !== '' && { 'content-type': 'application/json' }),
    ...(text === '' && method === 'POST' && { 'content-length': '0' }),
    ...(cookie !== undefined && { cookie }),
    ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
  }
  return { method, path, headers, body: text }
}

function readReply(status: number, text: string, headers: Headers): Reply {
  try {
    const body = text === '' ? undefined : (JSON.parse(text) as unknown)
    return { end: 'answered', status, node: valuesOf(headers, 'x-served-by')[0], body }
  } catch {
    return { end: 'broken', kind: 'not JSON' }
  }
}

function valuesOf(headers: Headers, name: string): string[] {
  return Object.entries(headers).flatMap(([key, value]) => (key.toLowerCase() === name ? value : []))
}
