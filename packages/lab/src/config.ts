import { UsageError } from './errors.ts'

export interface Config {
  /** The user's own Redis, used instead of a private one. */
  readonly redisUrl?: string
  /** A store in place of the strategy's own, unless a flag names one. */
  readonly storeUrl?: string
  readonly searchPath: string
  /** The parent is npm or the launcher, and the lab ends with it. */
  readonly endsWithParent: boolean
  /** The environment that the lab's processes inherit. */
  readonly environment: NodeJS.ProcessEnv
}

const REDIS_PROTOCOLS = new Set(['redis:', 'rediss:'])

export function readConfig(env: NodeJS.ProcessEnv): Config {
  const { REDIS_URL, NINELIVES_STORE, PATH = '', npm_execpath, NINELIVES_LAUNCHER, ...rest } = env
  return Object.freeze({
    ...(REDIS_URL === undefined || REDIS_URL === '' ? {} : { redisUrl: redisUrl(REDIS_URL) }),
    ...(NINELIVES_STORE === undefined || NINELIVES_STORE === '' ? {} : { storeUrl: NINELIVES_STORE }),
    searchPath: PATH,
    endsWithParent: npm_execpath !== undefined || NINELIVES_LAUNCHER !== undefined,
    environment: Object.freeze({ ...rest, PATH }),
  })
}

function redisUrl(value: string): string {
  if (URL.canParse(value) && REDIS_PROTOCOLS.has(new URL(value).protocol)) return value
  throw new UsageError(`REDIS_URL is "${withoutPassword(value)}" and takes redis://HOST:PORT or rediss://HOST:PORT`)
}

/**
 * From the `://` of a URL to the last `@` before the next URL, also for a URL in another's query, percent-encoded or not. A regular
 * expression, as the WHATWG parser refuses URLs with several hosts, and a mistyped URL may have a password too.
 */
const USER_INFO = /((?::|%3A)(?:\/\/|%2F%2F))((?:(?!(?::|%3A)(?:\/\/|%2F%2F))[^\s"'])+)(@|%40)/gi
const SECRET_SETTING = /([?&]\w*(?:password|secret)=)[^&\s"']+/gi

/** Replaces the credentials in a text's URLs with `***`, so that it may be shown and logged. */
export function withoutPassword(text: string): string {
  return text
    .replaceAll(USER_INFO, (whole, scheme: string, info: string, at: string) => {
      const [, user, colon] = /^(.*?)(:|%3A)./is.exec(info) ?? []
      return user === undefined ? whole : `${scheme}${user}${colon}***${at}`
    })
    .replaceAll(SECRET_SETTING, '$1***')
}
