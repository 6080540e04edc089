import { hash } from 'node:crypto'

/** Frameworks' names for it: `sid`, `connect.sid`, `koa.sess`, `__Host-session`, ... */
const SESSION_COOKIE = /sid$|sess/i
const FINGERPRINT_LENGTH = 12

/** The cookies of one virtual user. With one origin and one path, names and values are enough. */
export class CookieJar {
  readonly #values: Map<string, string>

  constructor(values: Iterable<readonly [string, string]> = []) {
    this.#values = new Map(values)
  }

  /** The `Cookie` header; undefined without cookies. */
  header(): string | undefined {
    if (this.#values.size === 0) return undefined
    return [...this.#values].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /**
   * A hash that tells session cookies apart without revealing them. If several cookies may be the session's, all are included: a
   * balancer's `session-affinity` alone would not change with the session's id.
   */
  fingerprint(): string | undefined {
    const all = [...this.#values].sort(([one], [other]) => (one < other ? -1 : 1))
    const named = all.filter(([name]) => SESSION_COOKIE.test(name))
    const counted = named.length > 0 ? named : all
    if (counted.length === 0) return undefined
    const text = counted.map(([name, value]) => `${name}=${value}`).join('; ')
    return hash('sha256', text, 'base64url').slice(0, FINGERPRINT_LENGTH)
  }

  store(setCookies: readonly string[]): void {
    for (const setCookie of setCookies) this.#storeOne(setCookie)
  }

  clear(): void {
    this.#values.clear()
  }

  copy(): CookieJar {
    return new CookieJar(this.#values)
  }

  /** Made-up cookies with the same names and formats. */
  forged(random: () => number): CookieJar {
    const letter = (): string => LETTERS.charAt(Math.floor(random() * LETTERS.length))
    return new CookieJar(
      [...this.#values].map(([name, value]) => [name, value.replaceAll(/[A-Za-z0-9]/g, letter)] as const),
    )
  }

  #storeOne(setCookie: string): void {
    const [pair = '', ...attributes] = setCookie.split(';').map((part) => part.trim())
    const separator = pair.indexOf('=')
    if (separator < 1) return
    const name = pair.slice(0, separator)
    if (attributes.some((attribute) => isExpiry(attribute))) this.#values.delete(name)
    else this.#values.set(name, pair.slice(separator + 1))
  }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Whether it deletes the cookie. Max-Age would win over Expires, but a server that sends both means the same by both. */
function isExpiry(attribute: string): boolean {
  const [name = '', value = ''] = attribute.split('=')
  if (name.toLowerCase() === 'max-age') return Number(value) <= 0
  return name.toLowerCase() === 'expires' && Date.parse(value) <= Date.now()
}
