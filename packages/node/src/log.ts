/** Logs are NDJSON on stdout: lifecycle at info, requests at debug, and nowhere a cookie, a password, a body or an id of a session. */
import { pino, type Logger, type LoggerOptions } from 'pino'
import type { LogLevel } from './config.ts'

export function nodeLog(node: string, level: LogLevel): Logger {
  return pino(logOptions(node, level))
}

export function logOptions(node: string, level: LogLevel): LoggerOptions {
  return { level, base: { node }, serializers: { err: (thrown: unknown) => describeError(thrown) } }
}

interface ErrorDescription {
  readonly type: string
  readonly code?: unknown
  readonly message: string
  readonly stack?: string | undefined
  readonly cause?: ErrorDescription
}

const CAUSES_MAX = 4

/**
 * Only these fields. Errors carry whatever their thrower hung on them: a body parser the whole body with its password, a
 * Redis client the command with the session in it, a conflict both sides' data.
 */
export function describeError(thrown: unknown, depth = 1): ErrorDescription {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: 'something other than an error was thrown' }
  const { name, message, stack, cause } = thrown
  return {
    type: name,
    ...('code' in thrown && { code: thrown.code }),
    message,
    stack,
    ...(cause !== undefined && depth < CAUSES_MAX && { cause: describeError(cause, depth + 1) }),
  }
}
