/** Errors on their way to a web framework, which may answer the client with their message. */
import { clientMessage, SessionError } from './errors.ts'

/**
 * The error as a client may read it, of the same class. Where its message is another one, `cause` is the error itself, for a log that prints causes.
 */
export function clientError(error: unknown): unknown {
  if (!(error instanceof SessionError)) return error
  const message = clientMessage(error)
  if (message === error.message) return error
  const { name, code, status, expose, headers } = error
  const told = new Error(message, { cause: error })
  Object.setPrototypeOf(told, Object.getPrototypeOf(error) as object)
  return Object.assign(told, { name, code, status, expose, headers })
}

/** For `catch`: rejects with the error as a client may read it. */
export function throwToClient(error: unknown): never {
  throw clientError(error)
}
