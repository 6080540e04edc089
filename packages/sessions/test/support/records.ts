/** Keys and writes that tests give to a store. */
import { randomBytes } from 'node:crypto'
import type { SessionKey, SessionWrite } from '../../src/contract.ts'
import { newSessionId, sessionKey } from '../../src/secrets/id.ts'

export const inAnHour = (): number => Date.now() + 3_600_000
export const freshKey = (): SessionKey => sessionKey(newSessionId(randomBytes).handle)
export const creation = (body = 'one'): SessionWrite => ({ expectedVersion: 0, expiresAtMs: inAnHour(), body })
export const change = (expectedVersion: number, body = 'changed'): SessionWrite => ({
  ...creation(body),
  expectedVersion,
})
