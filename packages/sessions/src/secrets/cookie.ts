/**
 * The cookie's value: `handle.secret.signature`, with a hash of the user's name before the
 * signature when the session is somebody's. The secret alone would keep a forger out; the signature keeps forgeries
 * away from the store, and tells an id that was once ours and has been rotated from one that somebody made up.
 */
import { hash } from 'node:crypto'
import { sameDigest, type SessionId } from './id.ts'
import { checkedValue, type Rule } from '../options.ts'
import type { UserTag } from '../record/record.ts'

const SHAPE = /^([\w-]{22})\.([\w-]{43})(?:\.([\w-]{22}))?\.([\w-]{43})$/
const KEY_CHARS_MIN = 32
/** Keeps a signature made here from meaning anything to another use of the same key. */
const PURPOSE = 'ninelives session cookie 1'

export const signingKeysRule: Rule = {
  takes: `a list of secrets, each a text of ${KEY_CHARS_MIN} characters or more`,
  code: 'SESSION_KEYS',
  accepts: (keys) => Array.isArray(keys) && keys.length > 0 && keys.every(isKey),
  hint(keys) {
    if (!Array.isArray(keys) || keys.length === 0) return undefined
    const at = keys.findIndex((key) => !isKey(key))
    const key: unknown = keys[at]
    if (typeof key === 'string') return `keys[${at}] has ${key.length} characters.`
    return `keys[${at}] is ${key === undefined ? 'undefined: is the environment variable set that it is read from?' : `a ${typeof key}.`}`
  },
}

function isKey(key: unknown): boolean {
  return typeof key === 'string' && key.length >= KEY_CHARS_MIN
}

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

type Sign = (text: string) => string

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

/**
 * HMAC-SHA-256 by its definition, with the key's hash in hex for a key: it fills a block, and every byte of it stays ASCII under
 * both pads. Every request needs one, and `createHmac` takes three objects and four times as long for it.
 */
export function hmac(key: string): Sign {
  const block = Buffer.from(hash('sha256', key, 'hex'))
  const inner = block.map((byte) => byte ^ 0x36).toString()
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES)
  outer.set(block.map((byte) => byte ^ 0x5c))
  return (text) => {
    outer.set(hash('sha256', inner + text, 'buffer'), BLOCK_BYTES)
    return hash('sha256', outer, 'base64url')
  }
}
