/** A visitor with a cookie jar for one cookie. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly setCookie: readonly string[]
  /** The JSON that came, or the text where it was none. */
  readonly body: unknown
}

export interface Client {
  cookie: string | undefined
  send(method: string, path: string, payload?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>
  login(name: string): Promise<Answer>
}

export function client(url: string, cookie?: string): Client {
  return {
    cookie,

    async send(method, path, payload, headers = {}) {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(this.cookie !== undefined && { Cookie: this.cookie }),
          ...(payload !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(payload !== undefined && { body: typeof payload === 'string' ? payload : JSON.stringify(payload) }),
      })
      const setCookie = response.headers.getSetCookie()
      for (const each of setCookie) this.cookie = /^[^=]+=;/.test(each) ? undefined : each.split(';', 1)[0]
      const text = await response.text()
      const isJson = response.headers.get('Content-Type')?.startsWith('application/json') === true
      const body: unknown = isJson && text !== '' ? JSON.parse(text) : text
      return { status: response.status, headers: response.headers, setCookie, body }
    },

    async login(name) {
      return await this.send('POST', '/api/login', { name, password: name.replace('user', 'password') })
    },
  }
}

/** The `code` of an answer in the error format; a body in any other form is a failure. */
export function errorCode({ body }: Answer): string {
  const { error, ...rest } = body as { error?: { code?: unknown; message?: unknown } }
  if (typeof error?.code !== 'string' || typeof error.message !== 'string' || Object.keys(rest).length > 0) {
    throw new Error(`not in the error format: ${JSON.stringify(body)}`)
  }
  return error.code
}
