/**
 * What went wrong, told to the client in one form: `{error: {code, message}}`. This stands outside the session
 * middleware, which may fail before a handler has run (no store) or after it (the commit).
 *
 * An error says by `expose` whether its message is meant for the client; anything else becomes a bare 500, whose reason
 * is in the log under the request's id. Whoever is told to try again keeps the cookie as it is: a session that can't be
 * read now can be read later, and a browser that was told to drop it would have logged its user out.
 */
import type Koa from 'koa'
import type { Logger } from 'pino'
import type { RequestContext } from './request.ts'

/** The request can't be served as it is, and the client may know why. */
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
      ctx.body = { error: { code: error.code, message: error.message } }
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
