/** The session's cookies in a request. */
import type { CookieSealer, Unsealed } from '../secrets/cookie.ts'

/** How many cookies of the session's name are looked at in one request. */
const COOKIES_MAX = 64
/** Of those that were sealed by us each may cost a read. */
const SEALED_MAX = 4

/**
 * The values of the cookies of this name, in their order. A sibling domain can plant others, which browsers send beside ours and
 * often before it. A name is a token, in which nothing needs quoting but these.
 */
export function valuesOf(name: string): (header: string | undefined) => string[] {
  const pattern = new RegExp(`(?:^|;) *${name.replaceAll(/[$*+.^|]/g, '\\$&')}=([^;]*)`, 'g')
  return (header = '') => {
    const found: string[] = []
    pattern.lastIndex = 0
    while (found.length < COOKIES_MAX) {
      const match = pattern.exec(header)
      if (match === null) break
      found.push((match[1] as string).trimEnd())
    }
    return found
  }
}

/** Those that were sealed by us. */
export function sealedCookies(sealer: CookieSealer, values: readonly string[]): Unsealed[] {
  const found: Unsealed[] = []
  for (const value of values) {
    if (found.length === SEALED_MAX) break
    const unsealed = sealer.unseal(value)
    if (unsealed !== undefined) found.push(unsealed)
  }
  return found
}
