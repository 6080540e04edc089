import { readFileSync } from 'node:fs'
import { UsageError } from './errors.ts'

export interface Config {
  /** The user's own servers, used instead of private ones. */
  readonly redisUrl?: string
  readonly databaseUrl?: string
  readonly memcachedUrl?: string
  /** A store in place of the strategy's own, unless a flag names one. */
  readonly storeUrl?: string
  /** What the nodes of a cluster that runs elsewhere take orders by. */
  readonly labSecret?: string
  /** Of that cluster's balancer. */
  readonly adminToken?: string
  /** What the live page of that cluster is opened by. */
  readonly controlToken?: string
  /** The file to which GitHub's runner lets a job append its summary. */
  readonly jobSummary?: string
  readonly searchPath: string
  /** The parent is npm or the launcher, and the lab ends with it. */
  readonly endsWithParent: boolean
  /** The environment that the lab's processes inherit. */
  readonly environment: NodeJS.ProcessEnv
}

/** As in a URL and in a header. */
const TOKEN = /^[\w-]{22,128}$/

export function readConfig(env: NodeJS.ProcessEnv): Config {
  const {
    REDIS_URL,
    DATABASE_URL,
    MEMCACHED_URL,
    NINELIVES_STORE,
    GITHUB_STEP_SUMMARY,
    LAB_SECRET,
    LAB_SECRET_FILE,
    ADMIN_TOKEN,
    CONTROL_TOKEN,
    PATH = '',
    npm_execpath,
    NINELIVES_LAUNCHER,
    ...rest
  } = env
  return Object.freeze({
    ...ownStore('redisUrl', 'REDIS_URL', REDIS_URL, ['redis://HOST:PORT', 'rediss://HOST:PORT']),
    ...ownStore('databaseUrl', 'DATABASE_URL', DATABASE_URL, [
      'sqlite:FILE',
      'postgres://',
      'postgresql://',
      'mysql://',
    ]),
    ...ownStore('memcachedUrl', 'MEMCACHED_URL', MEMCACHED_URL, ['memcached://HOST:PORT']),
    ...(NINELIVES_STORE === undefined || NINELIVES_STORE === '' ? {} : { storeUrl: NINELIVES_STORE }),
    ...labSecret(LAB_SECRET, LAB_SECRET_FILE),
    ...(ADMIN_TOKEN === undefined || ADMIN_TOKEN === '' ? {} : { adminToken: ADMIN_TOKEN }),
    ...controlToken(CONTROL_TOKEN),
    ...(GITHUB_STEP_SUMMARY === undefined || GITHUB_STEP_SUMMARY === '' ? {} : { jobSummary: GITHUB_STEP_SUMMARY }),
    searchPath: PATH,
    endsWithParent: npm_execpath !== undefined || NINELIVES_LAUNCHER !== undefined,
    environment: Object.freeze({ ...rest, PATH }),
  })
}

/** From the environment, or from the file that LAB_SECRET_FILE names, as orchestrators pass secrets. */
function labSecret(value = '', file = ''): Pick<Config, 'labSecret'> {
  if (file === '') return value === '' ? {} : { labSecret: value }
  if (value !== '') throw new UsageError('LAB_SECRET_FILE is set beside LAB_SECRET; it takes its place, not both')
  try {
    return { labSecret: readFileSync(file, 'utf8').trim() }
  } catch (error) {
    throw new UsageError(`LAB_SECRET_FILE is "${file}", which can't be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

function controlToken(value = ''): Pick<Config, 'controlToken'> {
  if (value === '') return {}
  if (TOKEN.test(value)) return { controlToken: value }
  throw new UsageError(`CONTROL_TOKEN has ${value.length} characters, and takes 22 to 128 of A-Z, a-z, 0-9, _ and -`)
}

/** Its scheme must be one of these; the rest is the store's to read, as a URL may name several hosts. */
function ownStore<Key extends string>(
  key: Key,
  variable: string,
  value: string | undefined,
  takes: readonly string[],
): { readonly [key in Key]?: string } {
  if (value === undefined || value === '') return {}
  if (takes.some((each) => value.startsWith(each.replace(/[A-Z].*/, ''))))
    return { [key]: value } as { [key in Key]: string }
  throw new UsageError(`${variable} is "${withoutPassword(value)}" and takes ${listed(takes)}`)
}

function listed(takes: readonly string[]): string {
  return [takes.slice(0, -1).join(', '), ...takes.slice(-1)].filter((part) => part !== '').join(' or ')
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
