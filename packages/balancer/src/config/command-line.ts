/** The few flags of the command line; the rest of the configuration is in the environment. */
import { parseArgs } from 'node:util'
import { ConfigError } from './config-values.ts'
import type { Environment } from './config-values.ts'
import { NUMERIC_KEYS } from './config.ts'

export interface CommandLine {
  readonly help: boolean
  /** They take precedence over the environment and the file. */
  readonly overrides: Environment
}

/** Throws ConfigError for what it does not know. */
export function commandLine(args: readonly string[]): CommandLine {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { help: { type: 'boolean', short: 'h' }, workers: { type: 'string' } },
    })
    return { help: values.help === true, overrides: values.workers === undefined ? {} : { WORKERS: values.workers } }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError([{ key: 'arguments', message: `${reason.split('\n', 1)[0]} (--help tells what there is.)` }])
  }
}

export function usage(): string {
  const numbers = NUMERIC_KEYS.map(([key, fallback]) => `  ${key}=${fallback}`)
  return `Usage: UPSTREAMS=a=http://127.0.0.1:8081,b=http://127.0.0.1:8082 node main.ts [--workers n]

  --workers n   so many processes share the port; the same as WORKERS
  --help        this

Everything else comes from the environment, or from lines of KEY=value in the file that
CONFIG_FILE names, which stand above it and are read again at SIGHUP. The README says what each is
for.

  UPSTREAMS=a=http://host:port;weight=2,shop=dns://host:port    required
  HOST=127.0.0.1  PORT=8080  ADMIN_HOST=127.0.0.1  ADMIN_PORT=  ADMIN_TOKEN=
  ROUTING=round-robin | least-busy | affinity | session-id
  AFFINITY_KEYS=  COOKIE_SECURE=  SESSION_COOKIE=sid
  TLS_CERT=  TLS_KEY=  REDIRECT_PORT=  PUBLIC_PORT=  TRUSTED_PROXIES=  PROXY_PROTOCOL=false
  SERVER_TIMING=false  LOG_LEVEL=info  LOG_FORMAT=auto | json | text  READY_PATH=/readyz

${numbers.join('\n')}
`
}
