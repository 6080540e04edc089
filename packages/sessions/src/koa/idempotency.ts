/**
 * `Idempotency-Key` for Koa: a request that carries one changes its session exactly once, however often it is sent, and is
 * answered alike each time. It guards the session and nothing else: an e-mail that the handler sends is sent again.
 *
 * A key belongs to the session it came with. A client without a session has none to double anything in, and its keys mean
 * nothing.
 */
import type Koa from 'koa'
import { type Answer, isKept, proxyWindowMs } from '../idempotency/answers.ts'
import { IdempotencyKeyError, StillRunningError } from '../errors.ts'
import { NO_FINGERPRINT } from '../idempotency/fingerprint.ts'
import type { Answering } from '../engine/plan-write.ts'
import { checkedOptions, type Rules, take } from '../options.ts'
import type { UpdateOptions } from './session-type.ts'
import {
  known,
  needsNoSession,
  prepareSession,
  type RequestState,
  type StatefulContext,
  stateOf,
} from './request-state.ts'
import { type BareSession, replaceFields } from './koa-session-fields.ts'

export interface IdempotencyOptions {
  /**
   * The request's payload, to tell it from another one under the same key. A keyed hash of it is stored with the session, so
   * leave secrets out: `() => ''` on a route that takes a password. Default: of a request in a user's session, what the body
   * parser left; of a visitor's, nothing, since it may be a login. What changes the session's user or id is never told by
   * its payload.
   */
  readonly payloadOf?: (ctx: Koa.Context) => string
}

const KEY = /^"?([\x21\x23-\x7e]{1,255})"?$/
const RUNNING_MAX = 100_000
/** From this status on an answer says that something failed, and that the request may be sent again. */
const FAILED_STATUS = 500

const rules: Rules<IdempotencyOptions> = { payloadOf: take.function }

/** Middleware for the routes that change the session, after the body parser and before the handler. */
export function idempotency(options: IdempotencyOptions = {}): Koa.Middleware {
  const { payloadOf } = checkedOptions('idempotency()', options, rules)
  // Only what this process runs: a request that another node took over must be carried out there, not turned away.
  const running = new Set<string>()

  return async (ctx: StatefulContext, next) => {
    if (needsNoSession(ctx)) return await next()
    const header = ctx.get('Idempotency-Key')
    if (header === '') {
      const unkeyed = known(ctx)
      if (unkeyed !== undefined) prepareSession(unkeyed, (session) => session.nameSteps())
      return await next()
    }
    const [, key] = KEY.exec(header) ?? []
    if (key === undefined) throw new IdempotencyKeyError()
    const state = stateOf(ctx)
    const fingerprint = fingerprintOf(ctx, state, key, payloadOf)
    let answer: Answer | undefined
    prepareSession(state, (session) => {
      answer = session.bindIdempotencyKey(key, fingerprint)
    })
    if (answer !== undefined) return give(ctx, answer)
    // What the handler has not looked at is still to be taken.
    const isLookedAt = state.use !== 'untouched'
    if (isLookedAt && state.session?.info !== undefined && ctx.session !== null)
      replaceFields(ctx.session as unknown as BareSession, state.session.take())

    // A session that this request begins is its own.
    const name = `${state.session?.id.handle ?? ''} ${key}`
    if (state.session !== undefined && running.has(name)) throw new StillRunningError()
    if (running.size >= RUNNING_MAX) throw new StillRunningError()
    running.add(name)
    state.keyed = { phase: 'running', isClients: proxyWindowMs(key) === undefined, headersBefore: ctx.res.getHeaders() }
    try {
      await next()
      state.keyed.phase = ctx.status >= FAILED_STATUS ? 'failed' : 'answered'
    } catch (error) {
      state.keyed.phase = 'failed'
      throw error
    } finally {
      running.delete(name)
      if (state.keyed.phase === 'failed') await state.session?.fail()
    }
  }
}

/** Whether a commit, too, found that the same request was answered meanwhile, by another node. */
export function wasAnswered(ctx: StatefulContext): boolean {
  const state = known(ctx)
  return state !== undefined && answerBefore(state) !== undefined
}

/** Gives the answer that this request was given before, in place of the handler's: that was made of what is not stored. */
export async function replay(ctx: StatefulContext): Promise<void> {
  const state = known(ctx)
  const answer = state && answerBefore(state)
  if (state === undefined || answer === undefined) return
  if (await state.session?.reclaim()) await state.sendCookie()
  give(ctx, answer)
}

function answerBefore({ session, discarded }: RequestState): Answer | undefined {
  return discarded?.answeredBefore ?? session?.answeredBefore
}

/** What the handler of a keyed request answers, if that is small, its own and not a failure. */
export function answerOf(ctx: Koa.Context, { keyed }: RequestState): Answer | undefined {
  return keyed?.phase === 'answered' ? keptAnswer(ctx, keyed) : undefined
}

/** Answers the request with what `answer` makes of an update. */
export function answeringWith<T>(
  ctx: Koa.Context,
  { keyed }: RequestState,
  answer: NonNullable<UpdateOptions<T>['answer']>,
): Answering<T> {
  return (fields, result, version) => {
    ctx.body = answer(fields, { result, version })
    return keyed?.isClients === true ? keptAnswer(ctx, keyed) : undefined
  }
}

function keptAnswer(ctx: Koa.Context, keyed: NonNullable<RequestState['keyed']>): Answer | undefined {
  if (ctx.respond === false || ctx.status >= FAILED_STATUS) return undefined
  const body = bodyOf(ctx.body)
  if (body === undefined) return undefined
  const answer = { status: ctx.status, type: ctx.type, body, ...ownHeaders(ctx, keyed.headersBefore) }
  return isKept(answer) ? answer : undefined
}

/** Undefined for what can't be kept: a stream, Blob or Response. */
function bodyOf(body: unknown): string | undefined {
  if (typeof body === 'string') return body
  if (body === null || body === undefined) return ''
  const isText = typeof body === 'number' || typeof body === 'boolean'
  return isText || isPlainJson(body) ? JSON.stringify(body) : undefined
}

function isPlainJson(body: unknown): boolean {
  if (Array.isArray(body)) return true
  const prototype: unknown = typeof body === 'object' && body !== null ? Object.getPrototypeOf(body) : undefined
  return prototype === Object.prototype || prototype === null
}

/** Made anew with each answer, or not to be given twice. */
const NOT_REPEATED = new Set([
  'content-type',
  'content-length',
  'transfer-encoding',
  'connection',
  'date',
  'set-cookie',
])

/** The headers that the handler has set since; nothing where there are none, as with most. */
function ownHeaders(ctx: Koa.Context, before: Headers): Pick<Answer, 'headers'> {
  let own: Record<string, string | readonly string[]> | undefined
  for (const name of ctx.res.getHeaderNames()) {
    if (NOT_REPEATED.has(name)) continue
    const value = ctx.res.getHeader(name)
    if (value === undefined || value === before[name]) continue
    own ??= {}
    own[name] = typeof value === 'number' ? String(value) : value
  }
  return own === undefined ? {} : { headers: own }
}

type Headers = Readonly<Record<string, unknown>>

function give(ctx: Koa.Context, { status, type, body, headers }: Answer): void {
  for (const [name, value] of Object.entries(headers ?? {})) ctx.set(name, value as string | string[])
  ctx.set('Idempotency-Replayed', 'true')
  ctx.status = status
  ctx.body = body === '' ? null : body
  ctx.status = status
  if (body !== '') ctx.type = type
}

function fingerprintOf(
  ctx: Koa.Context,
  { session, fingerprint }: RequestState,
  key: string,
  payloadOf: IdempotencyOptions['payloadOf'],
) {
  if (proxyWindowMs(key) !== undefined) return NO_FINGERPRINT
  const payload = payloadOf === undefined ? (session?.user !== undefined ? parsedBody(ctx) : undefined) : payloadOf(ctx)
  return fingerprint({ key, address: `${ctx.method} ${ctx.url}`, payload })
}

function parsedBody(ctx: Koa.Context): string {
  const { rawBody, body } = ctx.request as { rawBody?: string; body?: unknown }
  return rawBody ?? (body === undefined ? '' : JSON.stringify(body))
}
