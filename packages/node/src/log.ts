/** Logs are NDJSON on stdout: lifecycle at info, requests at debug; never a cookie, password, body or session id. */
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
 * Only these fields of an error are logged. Libraries attach more: a body parser the body with its password, a Redis client the
 * command with the session, a conflict both versions of the data.
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
