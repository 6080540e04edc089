/**
 * Paths that clients get 404 for, because they are for the nodes' operators: metrics, readiness. A private path covers itself and all
 * paths below it, in every spelling that a node could accept for it: other case, percent-encoding, dots, empty segments, backslashes or
 * parameters of a segment.
 */

/** Matches a path that is in its normal form already, as most are. */
const PLAIN = /^(?:\/[a-z\d_-]+)*\/?$/

/** The normal form in which paths are compared. */
export function normalPath(target: string): string {
  const [path = ''] = target.split(/[?#]/, 1)
  const segments: string[] = []
  for (const segment of decoded(path).toLowerCase().split(/[/\\]/)) {
    const [name = ''] = segment.split(';', 1)
    if (name === '..') segments.pop()
    else if (name !== '' && name !== '.') segments.push(name)
  }
  return `/${segments.join('/')}`
}

/** `privatePaths` as `normalPath` gives them. */
export function isPrivatePath(target: string, privatePaths: readonly string[]): boolean {
  if (privatePaths.length === 0) return false
  const query = target.indexOf('?')
  const plain = query === -1 ? target : target.slice(0, query)
  const path = PLAIN.test(plain) ? plain : normalPath(target)
  return privatePaths.some(
    (each) => path.startsWith(each) && (path.length === each.length || path[each.length] === '/'),
  )
}

/** Bytes that are no UTF-8 stay as they are: no private path has any. */
function decoded(path: string): string {
  return path.replaceAll(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
