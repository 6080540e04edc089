/**
 * The option `store` of an adapter: an opened store, which is the application's to close, or the URL of one, which the adapter opens and
 * closes.
 *
 * A store that is named by its URL opens at once, and calls wait for that within the bound of the guard in front. While its server can't
 * be reached, it is a store in an outage: each call tries to open it again, and requests are answered by the policy for an outage. What
 * no time will mend (a URL that can't be used, a package that is missing) is an error that nothing in the application catches, as
 * `await openStore(url)` at its start would be.
 */
import { carrierOf } from '../carrier.ts'
import type { Capabilities, SessionStore } from '../contract.ts'
import { oneAtATime } from '../engine/one-at-a-time.ts'
import { StoreUnavailableError } from '../errors.ts'
import { reasonOf } from '../reason.ts'
import { hasMethods, type Rule, SessionOptionsError } from '../options.ts'
import { sessionStoreRule } from '../store-option.ts'
import type { OnStoreEvent, StoreReport } from '../telemetry.ts'
import { openStore, schemeOf } from './open-store.ts'

export const STORE_HINT =
  "its URL, such as 'redis://127.0.0.1:6379', or an opened store. Is the environment variable set that it is read from?"

export const storeOrUrlRule: Rule = {
  takes: "a store's URL, or an opened session store",
  accepts: (value) => (typeof value === 'string' && value !== '') || sessionStoreRule.accepts(value),
  hint: (value) => (hasMethods(value, []) ? sessionStoreRule.hint?.(value) : undefined),
}

/** Throws SessionOptionsError or StoreConfigError for a URL that names no store. */
export function namedStore(
  factory: string,
  given: SessionStore | string,
  onEvent: OnStoreEvent | undefined,
): SessionStore {
  if (typeof given !== 'string') return given
  const scheme = schemeOf(given)
  if (scheme === 'token:') throw carried(factory)
  const store = storeByUrl(factory, given, scheme, onEvent)
  store.open().catch((error: unknown) => {
    if (!(error instanceof StoreUnavailableError)) throw error
    process.emitWarning(
      `${factory}: the session store does not answer, and requests fail until it does: ${reasonOf(error)}`,
      { code: 'NINELIVES_STORE_UNAVAILABLE' },
    )
  })
  return store
}

function carried(factory: string): SessionOptionsError {
  return new SessionOptionsError(
    `${factory}: token: keeps sessions in their cookies, and is opened by the application: store: await openStore('token:...').`,
  )
}

/** Until it is open, what it can do is not known. No adapter goes by it. */
const PRESUMED: Capabilities = {
  shared: 'held',
  survivesNodeDeath: 'held',
  survivesStoreRestart: 'held',
  fences: 'held',
}

function storeByUrl(factory: string, url: string, scheme: string, onEvent: OnStoreEvent | undefined): SessionStore {
  const name = scheme === '' ? url.replace(/\?.*/, '') : scheme.slice(0, -1)
  let opened: SessionStore | undefined
  let opening: Promise<SessionStore> | undefined
  let isClosed = false
  /** Opening and closing: one that is closed while it opens has ended before the next one opens. */
  const inTurn = oneAtATime()

  const open = async (isWanted: () => boolean): Promise<SessionStore> => {
    if (!isWanted()) throw closedError()
    const store = await openStore(url, { onEvent })
    try {
      if (carrierOf(store) !== undefined) throw carried(factory)
      await store.open()
    } catch (error) {
      await store.close()
      throw error
    }
    if (!isWanted()) {
      await store.close()
      throw closedError()
    }
    opened = store
    return store
  }

  const closedError = (): StoreUnavailableError => new StoreUnavailableError(name, new Error('the store is closed'))

  const opens = (): Promise<SessionStore> => {
    if (isClosed) return Promise.reject(closedError())
    if (opening !== undefined) return opening
    const mine: Promise<SessionStore> = inTurn(() => open(() => opening === mine)).catch((error: unknown) => {
      if (opening === mine) opening = undefined
      throw error
    })
    opening = mine
    return mine
  }

  const ask = <T>(call: (store: SessionStore) => Promise<T>): Promise<T> =>
    opened === undefined ? opens().then(call) : call(opened)

  return {
    name,
    get capabilities() {
      return opened?.capabilities ?? PRESUMED
    },
    get notifications() {
      return opened?.notifications
    },
    get members() {
      return opened?.members
    },
    localSessionCount: () => opened?.localSessionCount?.() ?? 0,
    /** Also after `close()`: an application may listen again. */
    async open() {
      isClosed = false
      await opens()
    },
    read: (key) => ask((store) => store.read(key)),
    write: (key, write) => ask((store) => store.write(key, write)),
    touch: (key, expiresAtMs) => ask((store) => store.touch(key, expiresAtMs)),
    destroy: (key, options) => ask((store) => store.destroy(key, options)),
    health: () => ask((store) => store.health()),
    report: (): StoreReport => opened?.report?.() ?? { warnings: opened === undefined ? ['it is not open yet'] : [] },
    check: () => ask(async (store) => (await store.check?.()) ?? []),
    async close() {
      isClosed = true
      // One that is still opening closes itself.
      const closing = opened
      opened = undefined
      opening = undefined
      await inTurn(async () => await closing?.close())
    },
  }
}
