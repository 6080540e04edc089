/** What the bench takes from its environment. */
export interface Config {
  /** A Redis to use instead of a private one. */
  readonly redisUrl: string | undefined
}

export function readConfig(env: NodeJS.ProcessEnv): Readonly<Config> {
  const redisUrl = env['REDIS_URL'] === '' ? undefined : env['REDIS_URL']
  if (redisUrl !== undefined && !/^rediss?:\/\//.test(redisUrl)) {
    throw new UsageError(`REDIS_URL is '${redisUrl}', and takes redis://HOST:PORT or rediss://HOST:PORT`)
  }
  return Object.freeze({ redisUrl })
}

/** The user can put it right; its message is all that they need to see. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
