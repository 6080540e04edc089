/** The cookies of one virtual user. One origin, one path: a name and its latest value is all there is to keep. */
export class CookieJar {
  readonly #values = new Map<string, string>()

  /** The `Cookie` header, or nothing while there is none. */
  header(): string | undefined {
    if (this.#values.size === 0) return undefined
    return [...this.#values].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  store(setCookies: readonly string[]): void {
    for (const setCookie of setCookies) this.#storeOne(setCookie)
  }

  clear(): void {
    this.#values.clear()
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

/** Whether it takes the cookie away. Max-Age wins over Expires, but a server that sends both means the same by both. */
function isExpiry(attribute: string): boolean {
  const [name = '', value = ''] = attribute.split('=')
  if (name.toLowerCase() === 'max-age') return Number(value) <= 0
  return name.toLowerCase() === 'expires' && Date.parse(value) <= Date.now()
}
