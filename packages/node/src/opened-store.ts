/** The store, ready to serve, or one clear reason why there is none. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import {
  eventLog,
  openStore,
  type SessionStore,
  StoreUnavailableError,
  type StoreSurroundings,
} from '@ninelives/sessions'

export interface OpenedStoreOptions extends StoreSurroundings {
  readonly url: string
  /** Bounds the whole wait, whatever bound the store has itself. */
  readonly waitMs: number
  readonly log: Logger
}

/** The message is one line for a person. */
export class StoreAbsentError extends Error {
  override readonly name = 'StoreAbsentError'
  readonly code = 'STORE_ABSENT'
}

const RETRY_MS = 100
/** A store that takes longer than this is worth a line, so that nobody wonders why the node is not ready yet. */
const PATIENCE_MS = 1000

/** Rejects with StoreConfigError when the URL can't be used, and with StoreAbsentError when the wait is over. */
export async function openedStore({ url, waitMs, log, ...more }: OpenedStoreOptions): Promise<SessionStore> {
  const store = await openStore(url, { ...more, onEvent: eventLog(log) })
  const where = `${store.name}${placeOf(url)}`
  const waiting = setTimeout(
    () => log.warn({ event: 'store-awaited', store: where }, 'waiting for the store'),
    PATIENCE_MS,
  )
  const giveUp = new AbortController()
  let lastReason: string | undefined
  const tooLate = sleep(waitMs, undefined, { signal: giveUp.signal }).then(() => {
    const because = lastReason === undefined ? '.' : `: ${lastReason}.`
    throw new StoreAbsentError(`The session store (${where}) did not answer within ${waitMs} ms${because}`)
  })
  try {
    await Promise.race([openWithRetries(store, giveUp.signal, (reason) => (lastReason = reason)), tooLate])
    return store
  } catch (error) {
    await store.close()
    throw error
  } finally {
    clearTimeout(waiting)
    giveUp.abort()
  }
}

/** A store's own bound may be shorter than ours. */
async function openWithRetries(
  store: SessionStore,
  signal: AbortSignal,
  onFailed: (reason: string | undefined) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await store.open()
      return
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      onFailed(error.cause instanceof Error ? error.cause.message : undefined)
    }
    await sleep(RETRY_MS, undefined, { ref: false })
  }
}

/** Host and port at most: the rest of a URL may hold a password. */
function placeOf(url: string): string {
  const host = URL.canParse(url) ? new URL(url).host : ''
  return host === '' ? '' : ` at ${host}`
}
