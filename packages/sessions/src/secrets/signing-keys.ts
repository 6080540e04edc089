/** The application's signing keys: what the option `keys` takes, and what is signed with one of them. */
import { createHmac, createSecretKey, hash } from 'node:crypto'
import type { Rule } from '../options.ts'

const KEY_CHARS_MIN = 32

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

export type Sign = (text: string) => string

/** HMAC-SHA-256 in base64url, under the hash of the key in hex: signatures that were given out stay valid. */
export function hmac(key: string): Sign {
  const secret = createSecretKey(hash('sha256', key, 'hex'), 'utf8')
  return (text) => createHmac('sha256', secret).update(text).digest('base64url')
}
