/**
 * The cookie's value: `handle.secret.signature`. The secret alone would keep a forger out; the signature keeps forgeries
 * away from the store, and tells an id that was once ours and has been rotated from one that somebody made up.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { SessionError } from './errors.ts'
import { sameDigest, type SessionId } from './id.ts'

const SHAPE = /^([\w-]{22})\.([\w-]{43})\.([\w-]{43})$/
const KEY_CHARS_MIN = 32
/** Keeps a signature made here from meaning anything to another use of the same key. */
const PURPOSE = 'ninelives session cookie 1'

export interface CookieSealer {
  seal(id: SessionId): string
  /** Undefined for whatever was not sealed by one of the keys. */
  unseal(value: string | undefined): SessionId | undefined
}

/** `keys` newest first: the first one signs, all of them verify, so that a key can be rotated without a logout. */
export function cookieSealer(keys: readonly string[]): CookieSealer {
  if (keys.length === 0 || keys.some((key) => key.length < KEY_CHARS_MIN)) {
    throw new SessionError(
      'SESSION_KEYS',
      500,
      `sessions need at least one signing key, each of ${KEY_CHARS_MIN} characters or more`,
    )
  }
  const secrets = keys.map((key) => createSecretKey(key, 'utf8'))
  const [newest] = secrets

  return {
    seal(id) {
      return `${id.handle}.${id.secret}.${signature(id, newest as KeyObject)}`
    },

    unseal(value) {
      const [, handle, secret, signed] = SHAPE.exec(value ?? '') ?? []
      if (handle === undefined || secret === undefined || signed === undefined) return undefined
      const id = { handle, secret }
      return secrets.some((key) => sameDigest(signature(id, key), signed)) ? id : undefined
    },
  }
}

function signature(id: SessionId, key: KeyObject): string {
  return createHmac('sha256', key).update(`${PURPOSE}|${id.handle}.${id.secret}`).digest('base64url')
}
