/** The options of the session's cookie, and what follows from them: its name and its attributes. */
import { COOKIE_BYTES_MAX } from '../carrier.ts'
import { readConfig } from '../config.ts'
import type { MaxAge } from '../session-fields.ts'
import { signingKeysRule } from '../secrets/signing-keys.ts'
import { assertGiven, type Rule, type Rules, SessionOptionsError, take } from '../options.ts'

export interface CookieOptions {
  /** Secrets that sign the cookie, newest first, 32 characters or more each. One that is not set is refused by its place. */
  readonly keys: readonly (string | undefined)[]
  /**
   * Whether the cookie may travel over https only. It is then named `__Host-...`, which no subdomain can overwrite. Default: true
   * unless `NODE_ENV` is `development`, `test` or not set; then false, and the process warns of it.
   */
  readonly secure?: boolean
  /** The cookie's name, without the prefix. Default `sid`. */
  readonly cookieName?: string
  /** Which requests of other sites bring the cookie. `none`, all of them, takes `secure: true`. Default `lax`. */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /**
   * For a cookie that subdomains share. It is then named `__Secure-...`, because `__Host-` forbids a domain: any subdomain can
   * overwrite it. Default: this host alone.
   */
  readonly domain?: string
  /**
   * In place of `idleTimeoutMs`, for sessions that outlive the browser: unused for so long they end, and the browser keeps
   * the cookie as long. `session.maxAge` sets it for one session. Default `session`: the cookie ends with the browser.
   */
  readonly maxAge?: MaxAge
}

type CookieForm = Pick<CookieOptions, 'cookieName' | 'domain' | 'sameSite'> & { readonly secure: boolean }

export const LONG_AGO = new Date(0)

/** A token of RFC 6265. The prefix is not the application's to choose: it says what is true of the cookie. */
const cookieNameRule: Rule = {
  takes: "a cookie's name without a prefix",
  accepts: (name) => typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !/^__(host|secure)-/i.test(name),
  hint: (name) => (String(name).startsWith('__') ? "'__Host-' is added where secure is true." : undefined),
}

const domainRule: Rule = {
  takes: "a domain's name, such as example.com",
  accepts: (domain) => typeof domain === 'string' && /^[a-z\d-]+(\.[a-z\d-]+)*$/i.test(domain),
}

export const cookieRules: Rules<CookieOptions> = {
  keys: signingKeysRule,
  secure: take.boolean,
  cookieName: cookieNameRule,
  sameSite: take.oneOf('lax', 'strict', 'none'),
  domain: domainRule,
  maxAge: take.either(take.durationMs(1), take.oneOf('session')),
}

const KEYS_HINT =
  'a list of secrets of 32 characters or more, such as the text of an environment variable. `openssl rand -base64 32` makes one'

/** The options with `secure` decided. Throws SessionOptionsError for what can't be together. */
export function checkedCookieOptions<Options extends CookieOptions & { readonly idleTimeoutMs?: number }>(
  factory: string,
  options: Options,
): Options & { readonly secure: boolean } {
  assertGiven(factory, options, ['keys', KEYS_HINT])
  const { sameSite, maxAge, idleTimeoutMs } = options
  if (typeof maxAge === 'number' && idleTimeoutMs !== undefined) {
    throw new SessionOptionsError(
      `${factory}: maxAge is the idle timeout, for a cookie that is kept as long: leave out idleTimeoutMs.`,
    )
  }
  const secure = options.secure ?? !readConfig().isDevelopment
  if (sameSite === 'none' && !secure) {
    throw new SessionOptionsError(`${factory}: sameSite 'none' takes secure: true, or browsers refuse the cookie.`)
  }
  if (options.secure === undefined && !secure) warnOfHttp(factory)
  return { ...options, secure }
}

function warnOfHttp(factory: string): void {
  process.emitWarning(
    `${factory}: the session's cookie may travel over http, because NODE_ENV is 'development', 'test' or not set. Set NODE_ENV=production or secure: true where users are; secure: false silences this.`,
    { code: 'NINELIVES_COOKIE_OVER_HTTP' },
  )
}

export interface CookieAttributes {
  httpOnly: true
  overwrite: true
  path: '/'
  sameSite: 'lax' | 'strict' | 'none'
  secure: boolean
  signed: false
  domain?: string
}

/** Its name with the prefix, and its attributes. */
export function cookieForm({ secure, cookieName = 'sid', domain, sameSite = 'lax' }: CookieForm) {
  const name = secure ? `${domain === undefined ? '__Host-' : '__Secure-'}${cookieName}` : cookieName
  const attributes: CookieAttributes = {
    httpOnly: true,
    overwrite: true,
    path: '/',
    sameSite,
    secure,
    signed: false,
    ...(domain !== undefined && { domain }),
  }
  return { name, attributes }
}

/** What is left for the value of a cookie that is to fit a browser with its name and all its attributes. */
export function cookieLimits(options: CookieForm): { readonly cookieName: string; readonly valueBytesMax: number } {
  const { name, attributes } = cookieForm(options)
  const { path, sameSite, secure, domain } = attributes
  const named = { path, expires: LONG_AGO.toUTCString(), ...(domain !== undefined && { domain }), sameSite }
  const longest = Object.entries(named).map(([attribute, value]) => `; ${attribute}=${value}`)
  const text = `${name}=${longest.join('')}; httponly${secure ? '; secure' : ''}`
  return { cookieName: name, valueBytesMax: COOKIE_BYTES_MAX - text.length }
}
