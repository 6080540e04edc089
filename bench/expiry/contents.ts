/** What is in the sessions, their keys, and calls to a store on a machine that is busy. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type SessionKey, StoreUnavailableError } from '@ninelives/sessions'

export const BODY = JSON.stringify({ d: { cart: 'x'.repeat(300) } })

export function freshKey(): SessionKey {
  return randomBytes(32).toString('base64url') as SessionKey
}

const TRIES_MAX = 100
const RETRY_PAUSE_MS = 1

/** Calls again where the store was not available for a moment. */
export async function answered<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || tries === TRIES_MAX) throw error
    }
    await sleep(RETRY_PAUSE_MS)
  }
}
