/**
 * No change on behalf of another site. A browser says itself where a request began, in headers that no page can forge:
 * `Sec-Fetch-Site` (every browser since 2023, to https and localhost), and `Origin` before that and to plain http. The
 * cookie's SameSite=Lax is not enough: it lets sibling subdomains through, and some browsers relax it for two minutes.
 *
 * A request with neither header comes from no browser and has no ambient cookie to abuse. Rejected: a token in each form.
 * It has to reach every form and script, and says nothing that the browser does not say better.
 */
import type Koa from 'koa'
import { SessionError } from '../errors.ts'
import { checkedOptions, type Rules, take } from '../options.ts'

export interface SameOriginOptions {
  /** Whether sibling subdomains may make changes. Only where all of them are as trusted as this one. Default false. */
  readonly allowSameSite?: boolean
  /** Other origins that may, such as `https://app.example.com`. */
  readonly allowedOrigins?: readonly string[]
  /** Requests that are not judged, such as a webhook that proves itself otherwise. Default: none. */
  readonly exempt?: (ctx: Koa.Context) => boolean
}

/** The request was begun by another site, or by a page that hides where it is from. Nothing was done. */
export class CrossOriginError extends SessionError {
  constructor() {
    super('CROSS_ORIGIN', 403, 'Another site may not change anything here.')
  }
}

/** What a request says of itself. An absent header is an empty text. */
export interface RequestOrigin {
  readonly method: string
  readonly secFetchSite: string
  readonly origin: string
  /** Where the request was sent to, such as `https://shop.example.com`. */
  readonly ownOrigin: string
}

/** Those that a handler must not change anything at. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

const rules: Rules<SameOriginOptions> = {
  allowSameSite: take.boolean,
  allowedOrigins: take.list,
  exempt: take.function,
}

/**
 * Middleware for in front of the session, so that a refusal costs no read. Where https ends at a proxy, set Koa's
 * `app.proxy` (or list the origin): without it the request's own origin is the http one that the proxy speaks.
 */
export function sameOrigin(options: SameOriginOptions = {}): Koa.Middleware {
  const {
    allowSameSite = false,
    allowedOrigins = [],
    exempt = () => false,
  } = checkedOptions('sameOrigin()', options, rules)
  const allowed = new Set(allowedOrigins.map(checkedOrigin))

  return async (ctx, next) => {
    const request: RequestOrigin = {
      method: ctx.method,
      secFetchSite: ctx.get('Sec-Fetch-Site'),
      origin: ctx.get('Origin'),
      ownOrigin: `${ctx.protocol}://${ctx.host}`,
    }
    if (!mayChange(request, { allowSameSite, allowed }) && !exempt(ctx)) throw new CrossOriginError()
    await next()
  }
}

export function mayChange(
  { method, secFetchSite, origin, ownOrigin }: RequestOrigin,
  { allowSameSite, allowed }: { readonly allowSameSite: boolean; readonly allowed: ReadonlySet<string> },
): boolean {
  if (SAFE_METHODS.has(method) || allowed.has(origin)) return true
  switch (secFetchSite) {
    case '':
      return origin === '' || sameOriginAs(ownOrigin, origin)
    case 'same-origin':
    case 'none': // Begun by the user, not by a page: a form that a restored tab sends again.
      return true
    case 'same-site':
      return allowSameSite
    default:
      return false
  }
}

/** `null`, which sandboxed and redirected pages send, is no URL, and so no origin of ours. */
function sameOriginAs(ownOrigin: string, origin: string): boolean {
  const own = parsedOrigin(ownOrigin)
  return own !== undefined && own === parsedOrigin(origin)
}

function parsedOrigin(text: string): string | undefined {
  return URL.canParse(text) ? new URL(text).origin : undefined
}

function checkedOrigin(text: string): string {
  if (parsedOrigin(text) === text && text !== 'null' && !text.includes('*')) return text
  throw new SessionError(
    'SAME_ORIGIN_CONFIG',
    500,
    `allowedOrigins takes origins such as https://a.example, not ${text}`,
  )
}
