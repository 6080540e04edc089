/** What the package takes from its environment. */
export interface Config {
  /** The process is a developer's or a test's, or says nothing of what it is. Any other, such as `staging`, may serve users. */
  readonly isDevelopment: boolean
}

export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  return { isDevelopment: ['', 'development', 'test'].includes(env['NODE_ENV'] ?? '') }
}
