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

/** The store answers, and refused this one call: no sign of an outage, so it never opens the breaker. */
export class StoreRefusedError extends StoreUnavailableError {}

/** The store has no room for another session. What it has is served as before. */
export class StoreFullError extends StoreRefusedError {}

/**
 * Too few copies of the store have the change, or can have it; `cause.code` is `TOO_FEW_COPIES`, and `cause.cause.code` where an adapter hands the
 * error to its framework.
 */
export class StoreCopiesError extends StoreRefusedError {}

/** What a client may be told of an error. The message of a store's error also says where the store is, which is for the operator. */
export function clientMessage(error: SessionError): string {
  if (error instanceof StoreFullError) return 'The session store is full.'
  if (error instanceof StoreRefusedError) return 'The session store refused this.'
  return error instanceof StoreUnavailableError ? 'The session store is not available.' : error.message
}

/** The session was destroyed, or expired, while this request was working on it. Nothing was written. */
export class SessionGoneError extends SessionError {
  constructor() {
    super('SESSION_GONE', 401, 'The session has ended.')
  }
}

/** Others kept changing the session; the bounded number of tries is used up. Nothing was written. */
export class SessionConflictError extends SessionError {
  declare readonly mine: unknown
  declare readonly theirs: unknown

  constructor(attempts: number, mine: unknown, theirs: unknown) {
    super('SESSION_CONFLICT', 409, `The session kept changing: gave up after ${attempts} tries.`, { retryAfterS: 1 })
    // Not enumerable: a logger writes what is, and these are sessions.
    Object.defineProperties(this, { mine: { value: mine }, theirs: { value: theirs } })
  }
}

/** Too many requests changed the session at once, or the store was too slow for them. Nothing was written. */
export class SessionBusyError extends SessionError {
  constructor() {
    super('SESSION_BUSY', 503, 'Other requests are changing the session. Try again later.', { retryAfterS: 1 })
  }
}

/** Visitors of one address have begun too many sessions. This one was not stored. Never thrown at a session with a user. */
export class TooManyVisitorsError extends SessionError {
  constructor(waitS: number) {
    super('TOO_MANY_VISITORS', 429, 'Too many new visitors from this address. Try again later.', {
      retryAfterS: Math.max(1, Math.ceil(waitS)),
    })
  }
}

/** The application said of this request that it does not need the session, and then used it. */
export class SessionNotNeededError extends SessionError {
  constructor() {
    super('SESSION_NOT_NEEDED', 500, "ctx.session is used in a request that the option 'needed' says does not need it.")
  }
}

/** The session was changed before the request came to the middleware that `sessions()` installs. */
export class SessionTooEarlyError extends SessionError {
  constructor() {
    super(
      'SESSION_TOO_EARLY',
      500,
      'ctx.session is changed before the session middleware has run: call sessions(app, options) before app.use() of what changes it.',
    )
  }
}

/** A value that would not come back as it is, or a field whose name is taken. Nothing was written. */
export class SessionValueError extends SessionError {
  /** Where the value stands, such as `cart.items.0.price`. */
  readonly path: string

  constructor(path: string, what: string, instead = '') {
    super('SESSION_VALUE', 500, `session.${path} is ${what}, which can't be kept in a session. ${instead}`.trimEnd())
    this.path = path
  }
}

/** The session grew over its limit. What was stored before is unharmed. */
export class SessionTooLargeError extends SessionError {
  /** The largest fields, with the bytes each takes. */
  readonly largest: readonly { readonly field: string; readonly bytes: number }[]

  constructor(bytes: number, bytesMax: number, largest: readonly { readonly field: string; readonly bytes: number }[]) {
    const fields = largest.map(({ field, bytes }) => `${field} (${bytes})`).join(', ')
    super(
      'SESSION_TOO_LARGE',
      413,
      `The session would take ${bytes} bytes of ${bytesMax}; its largest fields: ${fields}.`,
    )
    this.largest = largest
  }
}

/** An idempotency key came back with another request. Nothing was done. */
export class IdempotencyMismatchError extends SessionError {
  constructor() {
    super('IDEMPOTENCY_MISMATCH', 422, 'This Idempotency-Key was used for another request.')
  }
}

/** An idempotency key that is none. Nothing was done. */
export class IdempotencyKeyError extends SessionError {
  constructor() {
    super('IDEMPOTENCY_KEY', 400, 'Idempotency-Key takes 1 to 255 visible ASCII characters, in quotes or not.')
  }
}

/** Which change of a request is which could not be known when the request comes again. This change was not made. */
export class StepNameError extends SessionError {
  constructor(what: string) {
    super('STEP_NAME', 500, `A request that may come again with its Idempotency-Key ${what}.`)
  }
}

/** The same request is being carried out at this moment. */
export class StillRunningError extends SessionError {
  constructor() {
    super('STILL_RUNNING', 409, 'The request with this Idempotency-Key is still running.', { retryAfterS: 1 })
  }
}

/** The request was carried out before, at least in part, and what it takes to repeat it was not kept. Nothing was done. */
export class AnswerNotKeptError extends SessionError {
  constructor() {
    const message = 'This request was carried out before, at least in part, and its answer was not kept.'
    super('ANSWER_NOT_KEPT', 409, message)
  }
}

/** What another request ran by `session.single()`, and this one waited for, failed; `cause` has its message. */
export class SingleFailedError extends SessionError {
  constructor(name: string, message: string) {
    const cause = new Error(message)
    super('SINGLE_FAILED', 503, `What another request ran as '${name}' failed.`, { cause, retryAfterS: 1 })
  }
}

/** What runs by `session.single()` asked for itself: it would wait for its own end. */
export class SingleNestedError extends SessionError {
  constructor(name: string) {
    super('SINGLE_NESTED', 500, `What runs as '${name}' calls session.single('${name}'), and would wait for itself.`)
  }
}

/** What runs by `session.single()` took too long. */
export class SingleTimeoutError extends SessionError {
  constructor(name: string, timeoutMs: number) {
    super('SINGLE_TIMEOUT', 503, `'${name}' did not end within ${timeoutMs} ms.`, { retryAfterS: 1 })
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
