import { Agent, type IncomingMessage, request as httpRequest } from 'node:http'
import type { CookieJar } from './cookie-jar.ts'

/** The outcome of one request, as far as its client can know. */
export type Reply =
  | {
      readonly end: 'answered'
      readonly status: number
      readonly node: string | undefined
      /** How often the balancer sent the request to a node; undefined if once, or if it does not tell. */
      readonly attempts?: number
      readonly body: unknown
    }
  /** No connection, so the request was not sent. */
  | { readonly end: 'unsent'; readonly kind: string }
  /** The request was sent, at least in part, and no whole answer came. */
  | { readonly end: 'broken'; readonly kind: string }

export interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: unknown
  /** The idempotency key. */
  readonly idempotencyKey?: string
}

const TIMEOUT = 'timeout'
const TIMEOUT_MS = 5_000
const SOCKETS_MAX = 512
const FIRST_REFUSAL = 400
const BODY_LENGTH_MAX = 4 * 1024 * 1024

class TimeoutError extends Error {
  override readonly name = 'TimeoutError'
}

/** An HTTP client that follows no redirect, retries nothing, and never throws. */
export class Client {
  /** Parsed once, as the client's cost per request is part of every measured latency. */
  readonly #target: { readonly protocol: string; readonly hostname: string; readonly port: string }
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX })
  readonly #timeoutMs: number

  constructor({ protocol, hostname, port }: URL, timeoutMs = TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs
    // A URL has an IPv6 address in brackets, a request's `host` has none.
    this.#target = { protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port }
  }

  call({ method, path, body, idempotencyKey }: Call, jar: CookieJar): Promise<Reply> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const cookie = jar.header()
    return new Promise((resolve) => {
      const request = httpRequest({
        ...this.#target,
        path,
        method,
        agent: this.#agent,
        headers: {
          accept: 'application/json',
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...(cookie === undefined ? {} : { cookie }),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
      })
      let isLate = false
      // Where this process was what stood still, the answer lies in the socket and is read before the next immediate.
      const timer = setTimeout(() => setImmediate(giveUp), this.#timeoutMs)
      function giveUp(): void {
        if (request.closed) return
        isLate = true
        request.destroy(new TimeoutError())
      }
      request.on('error', (error) => resolve(failure(error)))
      request.on('close', () => clearTimeout(timer))
      request.on('response', (response) => {
        jar.store(response.headers['set-cookie'] ?? [])
        resolve(readAnswer(response, () => isLate))
      })
      request.end(text)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** `isLate`: the timeout was over, which ends a partial answer as if it were cut off. */
function readAnswer(response: IncomingMessage, isLate: () => boolean): Promise<Reply> {
  return new Promise((resolve) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      text += chunk
      if (text.length > BODY_LENGTH_MAX) response.destroy()
    })
    response.on('end', () => resolve(answered(response, text)))
    // No whole answer came. An `error` without a listener would throw.
    response.on('close', () => resolve({ end: 'broken', kind: isLate() ? TIMEOUT : 'cut off' }))
    response.on('error', () => undefined)
  })
}

function answered(response: IncomingMessage, text: string): Reply {
  const served = response.headers['x-served-by']
  const node = Array.isArray(served) ? served[0] : served
  const { statusCode: status = 0 } = response
  const told = { status, node, ...attemptsIn(response.headers['server-timing']) }
  try {
    return { end: 'answered', ...told, body: text === '' ? undefined : JSON.parse(text) }
  } catch {
    // A refusal may have any body; its status is enough.
    return status < FIRST_REFUSAL ? { end: 'broken', kind: 'not JSON' } : { end: 'answered', ...told, body: undefined }
  }
}

/** Our balancer tells its attempts with `SERVER_TIMING=true`. */
function attemptsIn(timing: string | readonly string[] | undefined): { attempts?: number } {
  const attempts = Number(/attempts;desc="(\d+)"/.exec(String(timing))?.[1] ?? 1)
  return attempts > 1 ? { attempts } : {}
}

function failure(error: NodeJS.ErrnoException): Reply {
  if (error instanceof TimeoutError) return { end: 'broken', kind: TIMEOUT }
  const kind = error.code ?? error.message
  return error.syscall === 'connect' || error.syscall === 'getaddrinfo'
    ? { end: 'unsent', kind }
    : { end: 'broken', kind }
}
