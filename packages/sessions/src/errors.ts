/** The base of everything that can go wrong in operation. `status` and `headers` are what an HTTP answer should carry. */
export class SessionError extends Error {
  readonly code: string
  readonly status: number
  readonly expose = true
  readonly headers: Record<string, string>

  constructor(code: string, status: number, message: string, options: { cause?: unknown; retryAfterS?: number } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.status = status
    this.headers = options.retryAfterS === undefined ? {} : { 'Retry-After': String(options.retryAfterS) }
  }
}

/** The store did not answer, or not in time. A change that was under way may or may not have been applied. */
export class StoreUnavailableError extends SessionError {
  constructor(store: string, cause?: unknown) {
    super('STORE_UNAVAILABLE', 503, `The session store (${store}) is not available.`, { cause, retryAfterS: 1 })
  }
}

/** The session was destroyed, or expired, while this request was working on it. Nothing was written. */
export class SessionGoneError extends SessionError {
  constructor() {
    super('SESSION_GONE', 401, 'The session has ended.')
  }
}

/** Others kept changing the session; the bounded number of tries is used up. Nothing was written. */
export class SessionConflictError extends SessionError {
  readonly mine: unknown
  readonly theirs: unknown

  constructor(attempts: number, mine: unknown, theirs: unknown) {
    super('SESSION_CONFLICT', 409, `The session kept changing: gave up after ${attempts} tries.`, { retryAfterS: 1 })
    this.mine = mine
    this.theirs = theirs
  }
}

/** The stored record is damaged, or of a schema newer than this program. It is left as it is. */
export class RecordUnreadableError extends SessionError {
  constructor(reason: string, cause?: unknown) {
    super('RECORD_UNREADABLE', 503, `The stored session can't be read: ${reason}.`, { cause })
  }
}

/** A store URL, a module path or an option that can't be used. The message names what was given and what is accepted. */
export class StoreConfigError extends SessionError {
  constructor(message: string, cause?: unknown) {
    super('STORE_CONFIG', 500, message, { cause })
  }
}
