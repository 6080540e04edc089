/** Request bodies: small JSON objects. Each kind of bad body has its own error. */
import { bodyParser } from '@koa/bodyparser'
import type Koa from 'koa'
import { RequestError } from '../errors.ts'

export const BODY_BYTES_MAX = 16 * 1024

/** Middleware for routes with a body. Puts the object into `ctx.request.body`; see `fields`. */
export function jsonBody(): Koa.Middleware {
  const parse = bodyParser({ enableTypes: ['json'], jsonLimit: BODY_BYTES_MAX, onError: refuse })
  return async (ctx, next) => {
    // Null: there is no body; the route decides about that, as about an empty body without a type.
    if (ctx.is('application/json') === false && ctx.request.length !== 0) {
      throw new RequestError(415, 'NOT_JSON_TYPE', 'Send a body of the type application/json.')
    }
    await parse(ctx, next)
  }
}

/** The body's fields, unchecked. */
export function fields(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RequestError(422, 'NOT_AN_OBJECT', 'Send a JSON object.')
  }
  return body as Record<string, unknown>
}

/** Translates the parser's errors, whose messages are not sent, as some quote the body. */
function refuse(error: Error & { status?: number }, ctx: Koa.Context): never {
  // The parser stops in the middle of a bad body; the rest would precede the next request on this connection.
  ctx.req.resume()
  if (error.status === 413) {
    throw new RequestError(413, 'BODY_TOO_LARGE', `The body is larger than ${BODY_BYTES_MAX} bytes.`)
  }
  if (error.status === 415) {
    throw new RequestError(415, 'ENCODING_UNSUPPORTED', 'The encoding of the body is not supported.')
  }
  throw new RequestError(400, 'NOT_JSON', 'The body is not valid JSON.')
}
