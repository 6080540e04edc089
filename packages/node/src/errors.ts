/**
 * Turns errors into answers of the form `{error: {code, message}}`. It runs outside the session middleware, which may fail before
 * a handler (no store) or after it (the commit).
 *
 * An error with `expose` has a message for the client, or gets one where its own says where the store is. Any other becomes a bare
 * 500, with its reason in the log under the request's id. An answer that asks for a retry does not touch the cookie: a session that
 * can't be read now can be read later, and deleting the cookie would log the user out.
 */
import type Koa from 'koa'
import { clientMessage, SessionError } from '@ninelives/sessions'
import type { Logger } from 'pino'
import type { RequestContext } from './request.ts'

/** The request can't be served, with a message for the client. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>
  readonly expose = true

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

interface ExposedError extends Error {
  readonly status: number
  readonly code: string
  readonly headers?: Readonly<Record<string, string>>
}

export function errors(log: Logger): Koa.Middleware<RequestContext['state']> {
  return async (ctx, next) => {
    try {
      await next()
    } catch (thrown) {
      const error = exposed(thrown) ?? hidden(thrown, ctx.state.requestId, log)
      ctx.set({ 'Cache-Control': 'no-store', ...error.headers })
      if (error.status === 503) ctx.remove('Set-Cookie')
      ctx.status = error.status
      const message = error instanceof SessionError ? clientMessage(error) : error.message
      ctx.body = { error: { code: error.code, message } }
    }
  }
}

function exposed(thrown: unknown): ExposedError | undefined {
  if (!(thrown instanceof Error)) return undefined
  const { expose, status, code } = thrown as Partial<ExposedError> & { expose?: unknown }
  return expose === true && typeof status === 'number' && typeof code === 'string'
    ? (thrown as ExposedError)
    : undefined
}

function hidden(thrown: unknown, requestId: string, log: Logger): RequestError {
  log.error({ requestId, err: thrown }, 'request failed')
  return new RequestError(500, 'INTERNAL', 'Something went wrong on our side.')
}
