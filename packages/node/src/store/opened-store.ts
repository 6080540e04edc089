/**
 * Opens the store, and retries until it succeeds: a node that gave up would have to be started by hand once its store, or the
 * majority of its peers, is back. A bound on that time is for supervisors that restart the node.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { openStore, type SessionStore, StoreUnavailableError, type OpenStoreOptions } from '@ninelives/sessions'
import { reasonOf } from './health.ts'

export interface OpeningStoreOptions extends OpenStoreOptions {
  readonly url: string
  /** The bound of all attempts together. Undefined: no bound. */
  readonly waitMs: number | undefined
  readonly log: Logger
}

export interface OpeningStore {
  readonly store: SessionStore
  /** Rejects with StoreConfigError if the store can never open, and with StoreAbsentError after the bound. */
  readonly opened: Promise<void>
  /** Why the store is not open yet; undefined when it is. */
  readonly awaited: () => string | undefined
}

/** The message is one line. */
export class StoreAbsentError extends Error {
  override readonly name = 'StoreAbsentError'
  readonly code = 'STORE_ABSENT'
}

const RETRY_MS = 100
/** A store that takes longer is logged, and again whenever the reason changes. */
const PATIENCE_MS = 1000

/** Rejects with StoreConfigError if the URL can't be used. */
export async function openingStore({ url, waitMs, log, ...more }: OpeningStoreOptions): Promise<OpeningStore> {
  const store = await openStore(url, more)
  const where = `${store.name}${placeOf(url)}`
  const startedAtMs = performance.now()
  let reason: string | undefined
  let told: string | undefined
  let isOpen = false

  const tell = (): void => {
    if (isOpen || told === (reason ?? '')) return
    told = reason ?? ''
    log.warn({ event: 'store-awaited', store: where, reason }, 'waiting for the store')
  }

  const open = async (): Promise<void> => {
    const late = setTimeout(tell, PATIENCE_MS)
    const giveUp = new AbortController()
    try {
      await Promise.race([tryAgainAndAgain(giveUp.signal), absence(giveUp.signal)])
      isOpen = true
    } catch (error) {
      await store.close()
      throw error
    } finally {
      clearTimeout(late)
      giveUp.abort()
    }
  }

  const tryAgainAndAgain = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        await store.open()
        return
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
        reason = reasonOf(error)
      }
      if (performance.now() - startedAtMs > PATIENCE_MS) tell()
      await sleep(RETRY_MS)
    }
  }

  /** Rejects after the bound, if there is one. */
  const absence = async (signal: AbortSignal): Promise<never> => {
    if (waitMs === undefined) return await new Promise<never>(() => {})
    await sleep(waitMs, undefined, { signal })
    const because = reason === undefined ? '.' : `: ${reason}.`
    throw new StoreAbsentError(`The session store (${where}) did not answer within ${waitMs} ms${because}`)
  }

  return {
    store,
    opened: open(),
    awaited: () => (isOpen ? undefined : `${where}${reason === undefined ? '' : `: ${reason}`}`),
  }
}

/** At most host and port, as the rest of a URL may have a password. */
function placeOf(url: string): string {
  const host = URL.canParse(url) ? new URL(url).host : ''
  return host === '' ? '' : ` at ${host}`
}
