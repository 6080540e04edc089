/**
 * Sessions that other software keeps in Redis, as express-session with connect-redis and koa-session with its Redis stores write
 * them: one JSON text under a prefix and the session's id.
 */
import { oldCookies } from './old-cookies.ts'
import { decodeData, encodeData, type SessionData } from '../record/data.ts'
import { RecordUnreadableError, SessionValueError, StoreConfigError, type StoreUnavailableError } from '../errors.ts'
import { assertGiven, checkedOptions, DURATION_MAX_MS, hasMethods, type Rule, type Rules, take } from '../options.ts'
import { withPackages } from '../optional-packages.ts'
import { redisLocation } from '../stores/redis/url.ts'

/** The option `adopt`: where sessions are that other software began. Sessions in other stores take an object of your own. */
export interface OldSessions {
  /** From this instant on none is adopted. */
  readonly untilMs: number
  /** Whether the record of an adopted session is left to the old nodes. */
  readonly keepsRecords: boolean
  /** The cookies of an old session. They are taken back from the client when nothing needs them any more. */
  readonly cookieNames: readonly string[]
  /** The ids in those of the request's cookies that the old software has signed. Without it only Express and Fastify can adopt. */
  idsIn?(cookieHeader: string): readonly string[]
  /** Undefined for a session that does not exist or has expired. Rejects with StoreUnavailableError if that can't be known. */
  read(id: string): Promise<OldSession | undefined>
  /** Deletes the record. Rejects with StoreUnavailableError. */
  end(id: string): Promise<void>
  close(): Promise<void>
}

export interface OldSession {
  /** What the application kept. */
  readonly data: SessionData
  /** How long it may be unused, if its record says so. */
  readonly maxAgeMs?: number | undefined
  /** The cookie's settings, which express-session keeps in the session. */
  readonly cookie?: SessionData
}

export interface OldSessionsOptions {
  readonly writtenBy: 'express-session' | 'koa-session'
  /**
   * The instant from which on no session is adopted: once every old session that is still used has been. Each adopted session leaves
   * a mark until then, so that it is adopted once.
   */
  readonly until: Date
  /** What stands before an id in Redis. Default `sess:`, as connect-redis has it; nothing for koa-session. */
  readonly prefix?: string
  /** express-session's `secret`, or Koa's `app.keys`, newest first. Not needed in an Express or Fastify application. */
  readonly secrets?: readonly (string | undefined)[]
  /** The cookie's name. Default `connect.sid`, of koa-session `koa.sess`. */
  readonly cookieName?: string
  /** False for koa-session with `signed: false`: its ids are then UUIDs, behind its option `prefix`. Default true. */
  readonly signed?: boolean
  /** koa-session's `prefix`, where its cookie is not signed. */
  readonly idPrefix?: string
  /**
   * Leaves the records and cookies of adopted sessions, so that old nodes go on with them. What either side changes or ends the
   * other one does not see, except for a logout in the browser at a new node. Default false.
   */
  readonly keepRecords?: boolean
}

export const oldSessionsRule: Rule = {
  ...take.having('what openOldSessions() resolves to', 'read', 'end'),
  hint: (value) => (hasMethods(value, ['then']) ? 'It is a promise: await it.' : undefined),
}

const secretsRule: Rule = {
  takes: 'a list of secrets, each a text that is not empty',
  accepts: (secrets) =>
    Array.isArray(secrets) && secrets.length > 0 && secrets.every((each) => take.text.accepts(each)),
  hint: (secrets) =>
    Array.isArray(secrets) && secrets.includes(undefined)
      ? 'One is undefined: is the environment variable set that it is read from?'
      : undefined,
}

const rules: Rules<OldSessionsOptions> = {
  writtenBy: take.oneOf('express-session', 'koa-session'),
  until: {
    takes: 'a Date, ten years from now at most',
    accepts: (until) => until instanceof Date && until.getTime() <= Date.now() + DURATION_MAX_MS,
  },
  prefix: { takes: 'a text', accepts: (prefix) => typeof prefix === 'string' },
  secrets: secretsRule,
  cookieName: take.text,
  signed: take.boolean,
  idPrefix: take.text,
  keepRecords: take.boolean,
}

/** Settings of a Redis URL that are for a store of ours. */
const FOR_STORES = ['prefix', 'ack', 'replicas', 'fewerCopies', 'fewerCopiesMaxMs', 'leaseMs']

/** Connects to the Redis of the old software. Rejects with StoreUnavailableError if it is out. */
export async function openOldSessions(url: string, given: OldSessionsOptions): Promise<OldSessions> {
  const options = checkedOptions('openOldSessions()', given, rules)
  assertGiven('openOldSessions()', options, 'writtenBy', 'until')
  const { writtenBy, until, secrets, signed = true, idPrefix, keepRecords = false } = options
  if (writtenBy === 'express-session' && !signed)
    throw new StoreConfigError('openOldSessions(): express-session signs its cookie: leave out signed: false')
  if (idPrefix !== undefined && signed) throw new StoreConfigError('openOldSessions(): idPrefix is for signed: false')
  const format = FORMATS[writtenBy]
  const { cookieName = format.cookieName, prefix = format.prefix } = options
  const location = redisLocation(url)
  const { timeoutMs = 1_000, openTimeoutMs = 10_000 } = location.settings
  const refused = FOR_STORES.find((name) => Object.hasOwn(location.settings, name))
  if (refused !== undefined)
    throw new StoreConfigError(`openOldSessions(): its URL does not take '${refused}'; a prefix is an option`)
  const { redisConnection } = await withPackages(
    'openOldSessions()',
    'ioredis',
    () => import('../stores/redis/connection.ts'),
  )
  const connection = redisConnection(location, timeoutMs)
  const cookies = oldCookies({
    writtenBy,
    cookieName,
    secrets: secrets as readonly string[] | undefined,
    signed,
    idPrefix,
  })
  try {
    await connection.open(openTimeoutMs)
  } catch (error) {
    connection.close()
    throw error
  }

  return {
    untilMs: until.getTime(),
    keepsRecords: keepRecords,
    ...cookies,

    async read(id) {
      const text = await connection.asked((redis) => redis.get(prefix + id)).catch(unlessOfAnotherType)
      if (text === null) return undefined
      const record = decodeData(text)
      const session = format.session(record, Date.now())
      assertKept(session?.data)
      return session
    },

    async end(id) {
      await connection.asked((redis) => redis.del(prefix + id))
    },

    async close() {
      connection.close()
    },
  }
}

interface Format {
  readonly cookieName: string
  readonly prefix: string
  /** Undefined once it has expired. Throws RecordUnreadableError for what the software can't have written. */
  readonly session: (record: SessionData, nowMs: number) => OldSession | undefined
}

const FORMATS: Readonly<Record<OldSessionsOptions['writtenBy'], Format>> = {
  'express-session': {
    cookieName: 'connect.sid',
    prefix: 'sess:',
    session({ cookie, ...data }) {
      if (typeof cookie !== 'object' || cookie === null) throw notWritten('express-session')
      // Its `expires` is of the last change: connect-redis moves the expiry of the key alone.
      return { data, maxAgeMs: durationOf(Reflect.get(cookie, 'originalMaxAge')), cookie: cookie as SessionData }
    },
  },
  'koa-session': {
    cookieName: 'koa.sess',
    prefix: '',
    session({ _expire, _maxAge, _session, ...data }, nowMs) {
      if (typeof _expire !== 'number' && _session !== true) throw notWritten('koa-session')
      if (typeof _expire === 'number' && _expire <= nowMs) return undefined
      return { data, maxAgeMs: durationOf(_maxAge) }
    },
  },
}

function durationOf(maxAge: unknown): number | undefined {
  return typeof maxAge === 'number' && maxAge >= 1 ? Math.min(maxAge, DURATION_MAX_MS) : undefined
}

/** A key of Redis that holds something else: no session, and none that could be told from one that has ended. */
function unlessOfAnotherType(error: unknown): never {
  const { cause } = error as StoreUnavailableError
  if (cause instanceof Error && cause.message.startsWith('WRONGTYPE'))
    throw new RecordUnreadableError('its key in Redis holds something else than a text', cause)
  throw error
}

function notWritten(software: string): RecordUnreadableError {
  return new RecordUnreadableError(`it is not as ${software} writes one`)
}

/** JSON of other software may have what our JSON gives a meaning to. */
function assertKept(data: SessionData | undefined): void {
  try {
    if (data !== undefined) encodeData(data)
  } catch (cause) {
    if (!(cause instanceof SessionValueError)) throw cause
    throw new RecordUnreadableError('it has a value that can not be kept', cause)
  }
}
