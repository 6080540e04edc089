import { UsageError } from './errors.ts'

export interface Config {
  /** A Redis of the user's own, to be used instead of a private one. */
  readonly redisUrl?: string
  readonly searchPath: string
  /** The parent is npm or the launcher: it only stands between the lab and a terminal, and the lab ends with it. */
  readonly endsWithParent: boolean
  /** What the processes that the lab starts inherit. */
  readonly environment: NodeJS.ProcessEnv
}

const REDIS_PROTOCOLS = new Set(['redis:', 'rediss:'])

export function readConfig(env: NodeJS.ProcessEnv): Config {
  const { REDIS_URL, PATH = '', npm_execpath, NINELIVES_LAUNCHER, ...rest } = env
  return Object.freeze({
    ...(REDIS_URL === undefined || REDIS_URL === '' ? {} : { redisUrl: redisUrl(REDIS_URL) }),
    searchPath: PATH,
    endsWithParent: npm_execpath !== undefined || NINELIVES_LAUNCHER !== undefined,
    environment: Object.freeze({ ...rest, PATH }),
  })
}

function redisUrl(value: string): string {
  if (URL.canParse(value) && REDIS_PROTOCOLS.has(new URL(value).protocol)) return value
  throw new UsageError(`REDIS_URL is "${withoutPassword(value)}" and takes redis://HOST:PORT or rediss://HOST:PORT`)
}

/** A URL as it may be shown and written down. What is no URL is given back as it is. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return url
  const parsed = new URL(url)
  if (parsed.password === '') return url
  parsed.password = '***'
  return parsed.href
}
