/**
 * What an answer says to caches and at logout.
 *
 * `no-store` goes on whatever set or read a session: such an answer may be one person's, and it keeps the back button of
 * the next one at this machine from showing it.
 *
 * At logout `Clear-Site-Data: "storage"` empties what the page kept: localStorage, IndexedDB, caches of service workers.
 * Not `"cache"`: nothing of a session was cached, and Chromium takes seconds over it. Not `"cookies"`: it takes those of
 * all subdomains of the registered domain with it, which are other applications' logins; our own cookie is taken back by
 * its name. Browsers heed the header over https and on localhost only.
 */
import type Koa from 'koa'
import { SessionError } from '../errors.ts'
import { checkedOptions, type Rules, take } from '../options.ts'
import { known } from '../koa/request-state.ts'
import { withHeaders } from '../koa/with-headers.ts'

export type SiteData = 'cache' | 'cookies' | 'storage'

export interface SessionHeadersOptions {
  /** What a browser shall forget at logout. Default `['storage']`; `[]` sends no such header. */
  readonly clearSiteData?: readonly SiteData[]
  /**
   * Answers that may be cached although the client came with a session, because nothing in them depends on it. One that
   * sets a cookie is never cached. Default: none.
   */
  readonly cacheable?: (ctx: Koa.Context) => boolean
}

const NO_STORE = { 'Cache-Control': 'no-store' } as const
const SITE_DATA: ReadonlySet<string> = new Set(['cache', 'cookies', 'storage'])

const rules: Rules<SessionHeadersOptions> = { clearSiteData: take.list, cacheable: take.function }

/** Middleware for in front of `sessions()`: what it looks at is known once the session has been committed. */
export function sessionHeaders(options: SessionHeadersOptions = {}): Koa.Middleware {
  const { clearSiteData = ['storage'], cacheable = () => false } = checkedOptions('sessionHeaders()', options, rules)
  const cleared = clearSiteData.map(checkedSiteData).join(', ')

  return async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      // Koa drops the headers of a failed request but those that the error brings along.
      throw error instanceof Error && touchesSession(ctx) ? withHeaders(error, NO_STORE) : error
    }
    if (ctx.headerSent) return
    if (setsCookie(ctx) || (touchesSession(ctx) && !cacheable(ctx))) ctx.set(NO_STORE)
    if (isLogout(ctx) && cleared !== '') ctx.set('Clear-Site-Data', cleared)
  }
}

function touchesSession(ctx: Koa.Context): boolean {
  return ctx.sessionInfo !== undefined || ctx.sessionOutage || setsCookie(ctx)
}

function setsCookie(ctx: Koa.Context): boolean {
  return ctx.res.hasHeader('Set-Cookie')
}

/** Even of a client whose session had ended before: what its page kept is still there. */
function isLogout(ctx: Koa.Context): boolean {
  const use = known(ctx)?.use
  return touchesSession(ctx) && (use === 'cleared' || use === 'ended')
}

function checkedSiteData(type: string): string {
  if (SITE_DATA.has(type)) return `"${type}"`
  throw new SessionError('SESSION_HEADERS_CONFIG', 500, `clearSiteData takes ${[...SITE_DATA].join(', ')}, not ${type}`)
}
