/** The application's signing keys: what the option `keys` takes, and what is signed with one of them. */
import { hash } from 'node:crypto'
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
    if (key !== undefined) return `keys[${at}] is a ${typeof key}.`
    return `keys[${at}] is undefined: set the environment variable that it is read from, such as export SESSION_KEY=$(openssl rand -base64 32)`
  },
}

function isKey(key: unknown): boolean {
  return typeof key === 'string' && key.length >= KEY_CHARS_MIN
}

export type Sign = (text: string) => string

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
