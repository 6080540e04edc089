/** Makes the store that a `token:` URL names; its packages are imported only then. */
import type { SessionStore } from '../contract.ts'
import { StoreConfigError } from '../errors.ts'
import type { OnStoreEvent } from '../telemetry.ts'
import { withPackages } from '../optional-packages.ts'
import { setting, settings } from '../url-settings.ts'
import { memoryStore } from './memory.ts'

const CACHE_BYTES = 16 * 1024 * 1024

export async function tokenStoreFromUrl(
  url: string,
  onEvent: OnStoreEvent | undefined,
  openRevocations: (url: string) => Promise<SessionStore>,
): Promise<SessionStore> {
  const {
    revocations,
    mode = 'encrypted',
    rollback = 'accept',
    revocationsOutage = 'refuse',
    cacheBytesMax = CACHE_BYTES,
  } = settings(url, {
    revocations: setting.secret,
    mode: setting.oneOf('encrypted', 'signed'),
    rollback: setting.oneOf('accept', 'detect'),
    revocationsOutage: setting.oneOf('refuse', 'accept'),
    cacheBytesMax: setting.wholeNumber(1),
  })
  if (revocations !== undefined && /^(token|memory):/i.test(revocations))
    throw new StoreConfigError(
      `token: keeps its revocations in a store that nodes share, and revocations= is ${revocations.split(':', 1)[0]}:`,
    )
  const { tokenStore } = await withPackages('token:', 'jose lru-cache', () => import('./token/token.ts'))
  const store = revocations === undefined ? memoryStore() : await openRevocations(revocations)
  return tokenStore({ revocations: store, mode, rollback, revocationsOutage, cacheBytesMax, onEvent })
}
