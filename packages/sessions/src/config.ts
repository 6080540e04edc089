/** What the package takes from its environment. */
export interface Config {
  /** The process serves users, as Node's frameworks have it. */
  readonly isProduction: boolean
}

export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  return { isProduction: env['NODE_ENV'] === 'production' }
}
