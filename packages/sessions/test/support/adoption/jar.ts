import { say } from '../koa-server.ts'

/** A browser's cookies by name, for one host. */
export interface Jar {
  readonly cookies: Map<string, string>
  get(url: string): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>
  /** Another browser with the same cookies. */
  copy(): Jar
}

export function jar(cookies: Iterable<readonly [string, string]> = []): Jar {
  const kept = new Map(cookies)
  return {
    cookies: kept,
    copy: () => jar(kept),
    async get(url) {
      const cookie = [...kept].map(([name, value]) => `${name}=${value}`).join('; ')
      const { status, headers, body } = await say(url, { headers: cookie === '' ? {} : { cookie } })
      for (const line of headers['set-cookie'] ?? []) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (/expires=Thu, 01 Jan 1970/i.test(line)) kept.delete(name)
        else kept.set(name, value)
      }
      return { status, body: body.startsWith('{') ? (JSON.parse(body) as Record<string, unknown>) : { text: body } }
    },
  }
}

/** In the cookie of express-session. */
export function idOf({ cookies }: Jar): string {
  return /^s:(.*)\./.exec(decodeURIComponent(cookies.get('connect.sid') ?? ''))?.[1] ?? ''
}
