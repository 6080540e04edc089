/**
 * The routes on which nodes honour an Idempotency-Key, as they report in the answer to their readiness probe:
 *
 *     Idempotency-Key-Honoured: POST /api/cart, DELETE /api/cart/:sku
 *
 * A segment that begins with a colon stands for any segment. A list in any other form honours nothing: no key is better than a key that
 * the node ignores.
 */
export const HONOURED_HEADER = 'idempotency-key-honoured'

export interface KeyedRoutes {
  readonly text: string
  /** The path may have a query. */
  includes(method: string, path: string): boolean
}

export interface Honouring {
  readonly keyedRoutes: KeyedRoutes | undefined
}

const TEXT_LENGTH_MAX = 8_192
const ENTRY = /^([A-Z]+) (\/[^\s?#,]*)$/

/** Undefined if any part of it is malformed. */
export function keyedRoutes(text: string): KeyedRoutes | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined
  const exact = new Set<string>()
  const patterns: string[][] = []
  for (const entry of text.split(',')) {
    const [, method, path] = ENTRY.exec(entry.trim()) ?? []
    if (method === undefined || path === undefined) return undefined
    if (path.includes('/:')) patterns.push([method, ...path.split('/')])
    else exact.add(`${method} ${path}`)
  }
  return {
    text,
    includes(method, target) {
      const query = target.indexOf('?')
      const path = query === -1 ? target : target.slice(0, query)
      if (exact.has(`${method} ${path}`)) return true
      if (patterns.length === 0) return false
      const segments = [method, ...path.split('/')]
      return patterns.some((pattern) => matches(pattern, segments))
    },
  }
}

/** Cached by text, so that equal routes are the same object. */
export function sharedRoutes(text: string, among: readonly Honouring[]): KeyedRoutes | undefined {
  return among.find(({ keyedRoutes: routes }) => routes?.text === text)?.keyedRoutes ?? keyedRoutes(text)
}

/** Where all of them honour keys, if they say the same. */
export function agreedRoutes(among: readonly Honouring[]): KeyedRoutes | undefined {
  const routes = among[0]?.keyedRoutes
  return among.every((each) => each.keyedRoutes === routes) ? routes : undefined
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false
  return pattern.every((part, index) => (part.startsWith(':') ? segments[index] !== '' : part === segments[index]))
}
