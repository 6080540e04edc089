/**
 * The configuration of a node, from its environment; a secret may be in a file that the environment names. No other file of this
 * package reads `process.env`.
 */
import { readFileSync } from 'node:fs'

export interface Config {
  /** Names this node in answers, logs and metrics. */
  readonly nodeName: string
  readonly host: string
  readonly port: number
  readonly storeUrl: string
  /** The shared secret of a replicated or clustered store, if STORE does not have it. */
  readonly meshSecret: string | undefined
  /** Secrets that sign the cookie, newest first. Undefined: this process makes one of its own. */
  readonly sessionKeys: readonly string[] | undefined
  readonly cookieSecure: boolean
  /** The number of proxies in front that append to X-Forwarded-For. 0: the peer is the client. */
  readonly proxiesInFront: number
  readonly throttleLogins: boolean
  /** Whether the new sessions of one address are limited. */
  readonly throttleVisitors: boolean
  readonly accounts: number
  /** Padding that each login adds to its session, for benches. */
  readonly sessionPaddingBytes: number
  readonly passwordCost: PasswordCost
  readonly idleTimeoutMs: number
  /** The idle timeout of a session without a user. */
  readonly visitorIdleTimeoutMs: number
  readonly absoluteTimeoutMs: number
  /** How long the node still serves after SIGTERM, so that balancers notice that it drains. */
  readonly drainNoticeMs: number
  /** The bound for requests in flight after that. */
  readonly drainMs: number
  /** The bound for the store at start. Undefined: no bound. */
  readonly storeWaitMs: number | undefined
  /** The control API of the lab that runs this node; undefined without a lab. */
  readonly labUrl: string | undefined
  readonly logLevel: LogLevel
  /** Where a lab that did not start this node may break it. Undefined without a secret. */
  readonly lab: { readonly port: number; readonly secret: string } | undefined
  /** Where an operator changes the members of a mesh. Undefined without a token. */
  readonly admin: { readonly port: number; readonly token: string } | undefined
}

export type PasswordCost = (typeof PASSWORD_COSTS)[number]
export type LogLevel = (typeof LOG_LEVELS)[number]
export type Environment = Readonly<Record<string, string | undefined>>

/** A bad value. The message is one line: the key, its value, and what is accepted. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'CONFIG'

  constructor(key: string, got: string, takes: string) {
    super(`${key} is ${got}; it takes ${takes}.`)
  }
}

const PASSWORD_COSTS = ['standard', 'low'] as const
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const NODE_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/
const SESSION_KEY_LENGTH_MIN = 32
const MESH_SECRET_LENGTH_MIN = 32
const LAB_SECRET_LENGTH_MIN = 32
const ADMIN_TOKEN = /^[\x21-\x7e]{16,}$/
const ACCOUNTS_MAX = 100_000
const SESSION_PADDING_BYTES_MAX = 256 * 1024
const PROXIES_MAX = 10
const DAY_S = 24 * 60 * 60
/** Without IDLE_TIMEOUT_S and ABSOLUTE_TIMEOUT_S. */
export const TIMEOUTS_S = { idle: 1_800, absolute: DAY_S } as const

export function readConfig(env: Environment): Readonly<Config> {
  // A developer's or a test's process, or one that says nothing. Any other, such as `staging`, may serve users.
  const development = ['development', 'test', undefined].includes(text(env, 'NODE_ENV'))
  const idleTimeoutS = integer(env, 'IDLE_TIMEOUT_S', TIMEOUTS_S.idle, 1, 365 * DAY_S)
  return Object.freeze({
    nodeName: matching(env, 'NODE_NAME', 'a', NODE_NAME, 'letters, digits and dashes, 32 at most'),
    host: text(env, 'HOST') ?? '127.0.0.1',
    port: integer(env, 'PORT', 8081, 0, 65_535),
    storeUrl: secret(env, 'STORE') ?? 'memory:',
    meshSecret: meshSecret(env),
    sessionKeys: sessionKeys(env, development),
    cookieSecure: choice(env, 'COOKIE_SECURE', development ? 'false' : 'true', ['true', 'false']) === 'true',
    proxiesInFront: proxiesInFront(env),
    throttleVisitors: choice(env, 'VISITOR_THROTTLE', 'on', ['on', 'off']) === 'on',
    throttleLogins: choice(env, 'LOGIN_THROTTLE', 'on', ['on', 'off']) === 'on',
    accounts: integer(env, 'ACCOUNTS', 100, 1, ACCOUNTS_MAX),
    sessionPaddingBytes: integer(env, 'SESSION_PADDING_BYTES', 0, 0, SESSION_PADDING_BYTES_MAX),
    passwordCost: passwordCost(env, development),
    idleTimeoutMs: 1000 * idleTimeoutS,
    visitorIdleTimeoutMs:
      1000 * integer(env, 'VISITOR_IDLE_TIMEOUT_S', visitorIdleTimeoutS(idleTimeoutS), 1, 365 * DAY_S),
    absoluteTimeoutMs: 1000 * integer(env, 'ABSOLUTE_TIMEOUT_S', TIMEOUTS_S.absolute, 1, 365 * DAY_S),
    drainNoticeMs: integer(env, 'DRAIN_NOTICE_MS', 600, 0, 60_000),
    drainMs: integer(env, 'DRAIN_MS', 10_000, 0, 600_000),
    storeWaitMs: text(env, 'STORE_WAIT_MS') === undefined ? undefined : integer(env, 'STORE_WAIT_MS', 0, 0, 600_000),
    labUrl: labUrl(env),
    logLevel: choice(env, 'LOG_LEVEL', 'info', LOG_LEVELS),
    lab: lab(env),
    admin: admin(env),
  })
}

/** Without VISITOR_IDLE_TIMEOUT_S. */
export function visitorIdleTimeoutS(idleTimeoutS: number): number {
  return Math.ceil(idleTimeoutS / 2)
}

/** Its value is not repeated in errors either. */
function lab(env: Environment): Config['lab'] {
  const given = secret(env, 'LAB_SECRET')
  const port = integer(env, 'LAB_PORT', 7900, 0, 65_535)
  if (given === undefined) return undefined
  if (given.length < LAB_SECRET_LENGTH_MIN) {
    const takes = `a secret of ${LAB_SECRET_LENGTH_MIN} characters or more, the same as the lab's`
    throw new ConfigError('LAB_SECRET', `a secret of ${given.length} characters`, takes)
  }
  return { port, secret: given }
}

/** Its value is not repeated in errors either. */
function admin(env: Environment): Config['admin'] {
  const token = secret(env, 'ADMIN_TOKEN')
  const port = integer(env, 'ADMIN_PORT', 7901, 0, 65_535)
  if (token === undefined) return undefined
  if (ADMIN_TOKEN.test(token)) return { port, token }
  throw new ConfigError('ADMIN_TOKEN', `a secret of ${token.length} characters`, 'at least 16 visible ones of ASCII')
}

function sessionKeys(env: Environment, development: boolean): readonly string[] | undefined {
  const given = secret(env, 'SESSION_KEYS')
  const takes = `secrets of ${SESSION_KEY_LENGTH_MIN} characters or more, separated by commas, newest first`
  if (given === undefined) {
    if (!development)
      throw new ConfigError('SESSION_KEYS', `missing, and required with NODE_ENV=${text(env, 'NODE_ENV')}`, takes)
    return undefined
  }
  const keys = given.split(',').map((key) => key.trim())
  const short = keys.find((key) => key.length < SESSION_KEY_LENGTH_MIN)
  // The message contains no secret, as it is logged.
  if (short !== undefined)
    throw new ConfigError('SESSION_KEYS', `a list with a secret of ${short.length} characters`, takes)
  return Object.freeze(keys)
}

/** Its value is not repeated in errors, like the session keys. */
function meshSecret(env: Environment): string | undefined {
  const given = secret(env, 'MESH_SECRET')
  if (given !== undefined && given.length < MESH_SECRET_LENGTH_MIN) {
    const takes = `a secret of ${MESH_SECRET_LENGTH_MIN} characters or more, the same on every node`
    throw new ConfigError('MESH_SECRET', `a secret of ${given.length} characters`, takes)
  }
  return given
}

/** On loopback only, as the page's button reaches what it can break. */
function labUrl(env: Environment): string | undefined {
  const given = text(env, 'LAB_URL')
  if (given === undefined || /^http:\/\/127\.0\.0\.1:\d{1,5}$/.test(given)) return given
  throw new ConfigError('LAB_URL', JSON.stringify(given), 'http://127.0.0.1:PORT')
}

function proxiesInFront(env: Environment): number {
  const value = text(env, 'TRUST_PROXY') ?? 'false'
  if (value === 'false') return 0
  if (value === 'true') return 1
  const isCount = /^\d{1,2}$/.test(value) && Number(value) <= PROXIES_MAX
  if (isCount) return Number(value)
  throw new ConfigError(
    'TRUST_PROXY',
    JSON.stringify(value),
    `false, true for one proxy, or their number up to ${PROXIES_MAX}`,
  )
}

function passwordCost(env: Environment, development: boolean): PasswordCost {
  const cost = choice(env, 'PASSWORD_COST', 'standard', PASSWORD_COSTS)
  if (!development && cost === 'low')
    throw new ConfigError('PASSWORD_COST', '"low"', `only standard with NODE_ENV=${text(env, 'NODE_ENV')}`)
  return cost
}

/** Compose and shells may pass an unset variable as an empty one, so empty counts as absent. */
function text(env: Environment, key: string): string | undefined {
  const value = env[key]?.trim()
  return value === '' ? undefined : value
}

/** From the environment, or from the file that KEY_FILE names, as orchestrators pass secrets. */
function secret(env: Environment, key: string): string | undefined {
  const path = text(env, `${key}_FILE`)
  if (path === undefined) return text(env, key)
  if (text(env, key) !== undefined) throw new ConfigError(`${key}_FILE`, `set beside ${key}`, 'its place, not both')
  try {
    return text({ [key]: readFileSync(path, 'utf8') }, key)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ConfigError(`${key}_FILE`, `${JSON.stringify(path)}, which can't be read (${code})`, 'the path of a file')
  }
}

function matching(env: Environment, key: string, otherwise: string, pattern: RegExp, takes: string): string {
  const value = text(env, key) ?? otherwise
  if (!pattern.test(value)) throw new ConfigError(key, JSON.stringify(value), takes)
  return value
}

function integer(env: Environment, key: string, otherwise: number, min: number, max: number): number {
  const value = text(env, key)
  if (value === undefined) return otherwise
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (!(number >= min && number <= max)) {
    throw new ConfigError(key, JSON.stringify(value), `a whole number from ${min} to ${max}`)
  }
  return number
}

function choice<T extends string>(env: Environment, key: string, otherwise: T, choices: readonly T[]): T {
  const value = text(env, key) ?? otherwise
  const chosen = choices.find((choice) => choice === value)
  if (chosen === undefined) throw new ConfigError(key, JSON.stringify(value), choices.join(' or '))
  return chosen
}
