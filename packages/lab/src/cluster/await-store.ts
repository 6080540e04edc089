/** The user's own store, named by an environment variable. */
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore, StoreConfigError } from '@ninelives/sessions'
import { withoutPassword } from '../config.ts'
import { LabError, UsageError } from '../errors.ts'

export interface OwnStore {
  readonly url: string
  readonly variable: string
  /** As in "a Redis". */
  readonly title: string
}

const GIVE_UP_AFTER_MS = 8_000
const RETRY_MS = 500
const PATIENCE_MS = 1_000

/** Resolves when the store at the URL answers. Tries for a bounded time, and logs once that it waits. */
export async function awaitStore(
  { url, variable, title }: OwnStore,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const shown = withoutPassword(url)
  const giveUpAtMs = performance.now() + GIVE_UP_AFTER_MS
  const late = setTimeout(() => say(`waiting for ${title} at ${shown}`), PATIENCE_MS)
  try {
    for (;;) {
      const reason = await problemOf(url)
      if (reason === undefined || signal.aborted) return
      if (performance.now() > giveUpAtMs) {
        throw new LabError('STORE_UNAVAILABLE', 1, `no answer from ${title} at ${shown} (${variable}): ${reason}`)
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    clearTimeout(late)
  }
}

/** Why it does not answer; undefined if it does. Throws UsageError if the URL can't be used. */
async function problemOf(url: string): Promise<string | undefined> {
  try {
    const store = await openStore(url)
    try {
      await store.open()
    } finally {
      await store.close()
    }
    return undefined
  } catch (error) {
    if (error instanceof StoreConfigError) throw new UsageError(error.message)
    const { cause, message } = error as Error
    return cause instanceof Error ? cause.message : message
  }
}
