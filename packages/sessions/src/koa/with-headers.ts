/**
 * The error with headers that Koa sends along with it. It is an error of this request alone: several requests may fail with one error, such as
 * a store's, and a cookie of one must not reach the client of another.
 */
export function withHeaders<E extends Error>(error: E, headers: Readonly<Record<string, unknown>>): E {
  const before = 'headers' in error ? (error.headers as object) : {}
  return Object.defineProperty(Object.create(error) as E, 'headers', {
    value: { ...before, ...headers },
    enumerable: true,
    writable: true,
    configurable: true,
  })
}
