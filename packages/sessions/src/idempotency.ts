/**
 * `Idempotency-Key` for Koa: a request that carries one changes its session exactly once, however often it is sent, and is
 * answered alike each time. It guards the session and nothing else: an e-mail that the handler sends is sent again.
 *
 * A key belongs to the session it came with. A client without a session has none to double anything in, and its keys mean
 * nothing.
 */
import { hash } from 'node:crypto'
import type Koa from 'koa'
import { ANSWER_LENGTH_MAX, type Answer } from './answers.ts'
import { AlreadyAnsweredError, IdempotencyKeyError, StillRunningError } from './errors.ts'
import { known, sessionOf, type StatefulContext, stateOf } from './request-state.ts'
import { type BareSession, replaceFields } from './session-fields.ts'

export interface IdempotencyOptions {
  /** The request's payload, to tell it from another one under the same key. Default: what the body parser left. */
  readonly payloadOf?: (ctx: Koa.Context) => string
}

const KEY = /^"?([\x21\x23-\x7e]{1,255})"?$/
const RUNNING_MAX = 100_000

/** Middleware for the routes that change the session, after the body parser and before the handler. */
export function idempotency({ payloadOf = parsedBody }: IdempotencyOptions = {}): Koa.Middleware {
  // Only what this process runs: a request that another node took over must be carried out there, not turned away.
  const running = new Set<string>()

  return async (ctx: StatefulContext, next) => {
    const header = ctx.get('Idempotency-Key')
    if (header === '') {
      const unkeyed = known(ctx)
      if (unkeyed !== undefined) sessionOf(unkeyed).nameSteps()
      return await next()
    }
    const [, key] = KEY.exec(header) ?? []
    if (key === undefined) throw new IdempotencyKeyError()
    const state = stateOf(ctx)
    const session = sessionOf(state)
    const answer = session.once(key, hash('sha256', `${ctx.method} ${ctx.url}\n${payloadOf(ctx)}`, 'base64url'))
    if (answer !== undefined) return give(ctx, answer)
    if (session.info !== undefined && ctx.session !== null)
      replaceFields(ctx.session as unknown as BareSession, session.take())

    const name = `${session.id.handle} ${key}`
    if (running.has(name) || running.size >= RUNNING_MAX) throw new StillRunningError()
    running.add(name)
    try {
      await next()
      state.answerable = true
    } catch (error) {
      await session.fail()
      throw error
    } finally {
      running.delete(name)
    }
  }
}

/** Outside koa-session: there a commit may find that the same request was carried out elsewhere meanwhile. */
export const withRecordedAnswer: Koa.Middleware = async (ctx: StatefulContext, next) => {
  try {
    await next()
  } catch (error) {
    if (!(error instanceof AlreadyAnsweredError)) throw error
    const state = stateOf(ctx)
    if (await state.session?.reclaim()) state.sendCookie()
    give(ctx, error.answer)
  }
}

/** What the handler is about to answer, if it is small and its own. */
export function answerOf(ctx: Koa.Context): Answer | undefined {
  const { body } = ctx
  // What an answer says in other headers would be missing from the repeat.
  if (ctx.respond === false || ctx.res.hasHeader('Location')) return undefined
  if (typeof body === 'string') return kept(ctx, body)
  if (body === null || body === undefined) return kept(ctx, '')
  return isPlainJson(body) ? kept(ctx, JSON.stringify(body)) : undefined
}

/** No stream, Blob or Response, which are objects as well. */
function isPlainJson(body: unknown): boolean {
  if (Array.isArray(body)) return true
  const prototype: unknown = typeof body === 'object' && body !== null ? Object.getPrototypeOf(body) : undefined
  return prototype === Object.prototype || prototype === null
}

function kept(ctx: Koa.Context, body: string): Answer | undefined {
  return body.length <= ANSWER_LENGTH_MAX ? { status: ctx.status, type: ctx.type, body } : undefined
}

function give(ctx: Koa.Context, answer: Answer): void {
  ctx.set('Idempotency-Replayed', 'true')
  ctx.status = answer.status
  ctx.body = answer.body === '' ? null : answer.body
  ctx.status = answer.status
  if (answer.body !== '') ctx.type = answer.type
}

function parsedBody(ctx: Koa.Context): string {
  const { rawBody, body } = ctx.request as { rawBody?: string; body?: unknown }
  return rawBody ?? (body === undefined ? '' : JSON.stringify(body))
}
