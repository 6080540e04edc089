/**
 * The cookie's value: `handle.secret.signature`, with a hash of the user's name before the
 * signature when the session is somebody's. The secret alone would keep a forger out; the signature keeps forgeries
 * away from the store, and tells an id that was once ours and has been rotated from one that somebody made up.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { SessionError } from './errors.ts'
import { sameDigest, type SessionId } from './id.ts'
import type { UserTag } from './record.ts'

const SHAPE = /^([\w-]{22})\.([\w-]{43})(?:\.([\w-]{22}))?\.([\w-]{43})$/
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
      return `${signed(id)}.${signature(id, newest as KeyObject)}`
    },

    unseal(value) {
      const [, handle, secret, user, proof] = SHAPE.exec(value ?? '') ?? []
      if (handle === undefined || secret === undefined || proof === undefined) return undefined
      const id = user === undefined ? { handle, secret } : { handle, secret, user: user as UserTag }
      return secrets.some((key) => sameDigest(signature(id, key), proof)) ? id : undefined
    },
  }
}

function signed({ handle, secret, user }: SessionId): string {
  return user === undefined ? `${handle}.${secret}` : `${handle}.${secret}.${user}`
}

function signature(id: SessionId, key: KeyObject): string {
  return createHmac('sha256', key)
    .update(`${PURPOSE}|${signed(id)}`)
    .digest('base64url')
}
