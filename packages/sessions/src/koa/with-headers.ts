/**
 * The error with headers that Koa sends along with it. It is an error of this request alone: several requests may fail with one error, such as
 * a store's, and a cookie of one must not reach the client of another.
 *
 * Its prototype is the error itself, so that it is an instance of the same classes. What is read of an error is copied, because getters of
 * some classes, such as DOMException, work on the original only. The headers are not enumerable: a logger must not write the cookie.
 */
export function withHeaders<E extends Error>(error: E, headers: Readonly<Record<string, unknown>>): E {
  const own = Object.create(error) as E
  const define = (name: string, value: unknown): void =>
    void Object.defineProperty(own, name, { value, writable: true, configurable: true })
  for (const name of READ) if (name in error) define(name, error[name as keyof E])
  const before = 'headers' in error ? (error.headers as object) : {}
  define('headers', { ...before, ...headers })
  return own
}

const READ = ['name', 'message', 'stack', 'code', 'cause', 'status', 'statusCode', 'expose'] as const
