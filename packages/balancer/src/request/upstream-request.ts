/**
 * A client's request as it goes to upstreams, the same at every attempt: its header, the kept part of its body, and whether a node can
 * recognise it. An unsafe request without an Idempotency-Key gets a minted one if all nodes honour keys on its route, so that it can be
 * retried like a keyed one.
 *
 * A minted key is random, belongs to one request and never leaves the cluster: no client can use or guess it.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { ErrorCode } from './error-answer.ts'
import { hasBodyOfNoMeaning } from './framing.ts'
import { requestHeaders, wantsTrailers } from './header-rewriting.ts'
import type { ClientOrigin } from './header-rewriting.ts'
import type { KeyedRoutes } from '../upstreams/keyed-routes.ts'
import { isPrivatePath } from '../config/private-paths.ts'
import { RequestBody } from './request-body.ts'
import { hasBody, requestTarget } from './request-target.ts'
import { sessionCookieIn } from '../routing/session-cookie.ts'
import type { OutgoingRequest } from '../transports/transport.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import { isSafe, replayRule } from './retry-decision.ts'
import type { FailedAttempt } from './retry-decision.ts'

export interface UpstreamRequestConfig {
  readonly replayBodyBytesMax: number
  readonly requestDeadlineMs: number
  readonly sessionCookie: string
  /** As `normalPath` gives them. */
  readonly privatePaths: readonly string[]
}

export interface UpstreamRequestOptions {
  readonly client: ClientOrigin
  readonly requestId: string
  readonly websocket: boolean
  /** The client sends its body only after 100 Continue. */
  readonly awaitsContinue: boolean
  /** Where all nodes honour keys; undefined: nowhere. */
  readonly routes: KeyedRoutes | undefined
  readonly config: UpstreamRequestConfig
}

const KEY_HEADER = 'idempotency-key'
/** With the seconds that the request may take, after which nodes may forget the key. */
const keyPrefix = (requestDeadlineMs: number): string => `balancer-${Math.ceil(requestDeadlineMs / 1_000)}s-`

export class UpstreamRequest implements OutgoingRequest {
  readonly method: string
  readonly path: string
  readonly headers: OutgoingHttpHeaders
  readonly websocket: boolean
  readonly expectsContinue: boolean
  readonly wantsTrailers: boolean
  readonly body: RequestBody | undefined
  readonly key: FailedAttempt['key']
  readonly cookie: string | undefined
  readonly beganAtMs = performance.now()
  /** The deadline for the beginning of its answer, all attempts together. */
  readonly deadlineAtMs: number
  /** Whether its connections, the client's and the upstream's, are to end with it. */
  readonly isLast: boolean
  readonly #request: IncomingMessage
  readonly #options: UpstreamRequestOptions
  /** Looked for once. */
  #session: { readonly key: string | undefined } | undefined

  private constructor(
    request: IncomingMessage,
    path: string,
    host: string | undefined,
    options: UpstreamRequestOptions,
  ) {
    const { client, requestId, websocket, awaitsContinue, config } = options
    this.#request = request
    this.#options = options
    this.method = request.method ?? ''
    this.path = path
    this.websocket = websocket
    this.cookie = request.headers.cookie
    this.isLast = hasBodyOfNoMeaning(request)
    this.wantsTrailers = !websocket && wantsTrailers(request)
    const about = { client, host, requestId, websocket, last: this.isLast, trailers: this.wantsTrailers }
    this.headers = requestHeaders(request.headers, about)
    this.key = this.#settleKey()
    this.deadlineAtMs = this.beganAtMs + config.requestDeadlineMs
    const isSentAgain = replayRule(this.method, this.key) !== undefined
    this.body = hasBody(request) ? new RequestBody(request, isSentAgain ? config.replayBodyBytesMax : 0) : undefined
    this.expectsContinue = awaitsContinue && this.body !== undefined
  }

  /** The request, or what is wrong with it. */
  static from(request: IncomingMessage, options: UpstreamRequestOptions): UpstreamRequest | ErrorCode {
    const target = requestTarget(request)
    if (typeof target === 'string') return target
    if (isPrivatePath(target.path, options.config.privatePaths)) return 'NOT_FOUND'
    return new UpstreamRequest(request, target.path, target.host, options)
  }

  get hasBody(): boolean {
    return this.body !== undefined
  }

  get taken(): Buffer | undefined {
    return this.body?.taken
  }

  /** Whether the client has sent all of it. */
  get received(): boolean {
    return this.#request.complete
  }

  /** By the cookie of its session; undefined where it has none. */
  get session(): string | undefined {
    this.#session ??= { key: sessionCookieIn(this.cookie, this.#options.config.sessionCookie) }
    return this.#session.key
  }

  /** The most memory that it takes while it waits: the kept bytes, and those that the parser has read ahead. */
  get heldBytes(): number {
    if (this.body === undefined) return 0
    const { complete, readableLength, readableHighWaterMark } = this.#request
    return this.body.keptBytes + (complete ? readableLength : readableHighWaterMark)
  }

  get isWhole(): boolean {
    return this.body === undefined || this.body.isWhole
  }

  /** Whether its key keeps the node from carrying it out twice. */
  isKnownAgainAt(upstream: Upstream): boolean {
    return this.key !== 'minted' || upstream.keyedRoutes === this.#options.routes
  }

  #settleKey(): FailedAttempt['key'] {
    const own = this.headers[KEY_HEADER]
    // Nodes ignore an empty key, so it does not count here.
    if (own !== undefined && own !== '') return 'own'
    const { routes, config } = this.#options
    if (routes === undefined || isSafe(this.method) || !routes.includes(this.method, this.path)) return 'none'
    this.headers[KEY_HEADER] = keyPrefix(config.requestDeadlineMs) + randomUUID()
    return 'minted'
  }
}
