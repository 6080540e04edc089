/**
 * The store, ready to serve some time after the start. Until then it is tried again and again: a node that gave up would have to be
 * started by hand once its store, or the majority of its peers, is back. A bound on that wait is for supervisors that start anew.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { openStore, type SessionStore, StoreUnavailableError, type StoreSurroundings } from '@ninelives/sessions'
import { reasonOf } from './health.ts'

export interface OpeningStoreOptions extends StoreSurroundings {
  readonly url: string
  /** Bounds the whole wait, whatever bound the store has itself. Undefined: as long as it takes. */
  readonly waitMs: number | undefined
  readonly log: Logger
}

export interface OpeningStore {
  readonly store: SessionStore
  /** Rejects with StoreConfigError when the store can never be, and with StoreAbsentError when the wait is over. */
  readonly opened: Promise<void>
  /** What is waited for; undefined once it is open. */
  readonly awaited: () => string | undefined
}

/** The message is one line for a person. */
export class StoreAbsentError extends Error {
  override readonly name = 'StoreAbsentError'
  readonly code = 'STORE_ABSENT'
}

const RETRY_MS = 100
/** A store that takes longer than this is worth a line, and then one whenever the reason is another. */
const PATIENCE_MS = 1000

/** Rejects with StoreConfigError when the URL can't be used. */
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

  /** Rejects once the wait is over, if it ever is. */
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

/** Host and port at most: the rest of a URL may hold a password. */
function placeOf(url: string): string {
  const host = URL.canParse(url) ? new URL(url).host : ''
  return host === '' ? '' : ` at ${host}`
}
