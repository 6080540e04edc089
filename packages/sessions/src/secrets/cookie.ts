/**
 * The cookie's value: `handle.secret.signature`, with a hash of the user's name before the signature when the session has a
 * user. The secret alone would keep a forger out. The signature keeps forgeries away from the store, and tells an id that this
 * application issued and rotated from one that was made up.
 */
import { checkedValue } from '../options.ts'
import { sameDigest, type SessionId, type UserTag } from './id.ts'
import { hmac, type Sign, signingKeysRule } from './signing-keys.ts'

const SHAPE = /^([\w-]{22})\.([\w-]{43})(?:\.([\w-]{22}))?\.([\w-]{43})$/
/** Keeps a signature made here from meaning anything to another use of the same key. */
const PURPOSE = 'ninelives session cookie 1'

export interface CookieSealer {
  seal(id: SessionId): string
  /** Undefined for whatever was not sealed by one of the keys. */
  unseal(value: string | undefined): Unsealed | undefined
}

export interface Unsealed {
  readonly id: SessionId
  /** Sealed by a key that a newer one has replaced: the client is to be given it sealed anew. */
  readonly outdated: boolean
}

/** `keys` newest first: the first one signs, all of them verify, so that a key can be rotated without a logout. */
export function cookieSealer(keys: readonly string[]): CookieSealer {
  checkedValue('keys', keys, signingKeysRule)
  const signers = keys.map(hmac)
  const newest = signers[0] as Sign

  return {
    seal(id) {
      return `${signed(id)}.${newest(`${PURPOSE}|${signed(id)}`)}`
    },

    unseal(value) {
      const [, handle, secret, user, proof] = SHAPE.exec(value ?? '') ?? []
      if (handle === undefined || secret === undefined || proof === undefined) return undefined
      const id = user === undefined ? { handle, secret } : { handle, secret, user: user as UserTag }
      const text = `${PURPOSE}|${signed(id)}`
      const signer = signers.find((sign) => sameDigest(sign(text), proof))
      return signer && { id, outdated: signer !== newest }
    },
  }
}

function signed({ handle, secret, user }: SessionId): string {
  return user === undefined ? `${handle}.${secret}` : `${handle}.${secret}.${user}`
}
