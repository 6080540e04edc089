/**
 * Texts sealed as tokens: encrypted (JWE, `dir`, A256GCM) or only signed (JWS, HS256), by keys that are derived from the
 * application's.
 *
 * The key's id in a token's header names one of the application's keys and a salt. Each process draws a salt of its own, and
 * another after SEALS_MAX tokens, and derives a key of each: nonces are random, and so no key has to stay safe for more tokens
 * than that. A header is compared with the one form that is made here before anything else is done with a token, so that neither the
 * algorithm nor a parameter of it is the sender's choice. Nothing is compressed: a length tells how much is in a session, and
 * no more.
 */
import { hkdfSync, randomBytes } from 'node:crypto'
import { CompactEncrypt, CompactSign, compactDecrypt, compactVerify, errors } from 'jose'
import { LRUCache } from 'lru-cache'

export type TokenMode = 'encrypted' | 'signed'

export interface TokenSealer {
  seal(text: string): Promise<string>
  /** Undefined for what none of the keys has sealed. `outdated`: a newer key has replaced its own. */
  unseal(token: string): Promise<{ readonly text: string; readonly outdated: boolean } | undefined>
  /** How long the token of so many bytes of text is. */
  lengthOf(textBytes: number): number
}

interface Form {
  /** Of the header as JSON, with the key's id in its groups. */
  readonly pattern: RegExp
  readonly headerBytes: number
  /** What a token has beside its header and its text. */
  readonly otherChars: number
  importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey>
  seal(text: Uint8Array, kid: string, key: CryptoKey): Promise<string>
  unseal(token: string, key: CryptoKey): Promise<Uint8Array>
}

const KEY_BYTES = 32
/** In base64url: 48 bits, and 64. */
const KEY_TAG_CHARS = 8
const SALT_BYTES = 8
const SALT_CHARS = 11
/** With so many random nonces of 96 bits, two are alike once in 2^37 keys. */
const SEALS_MAX = 2 ** 30
/** Derived keys of other processes that are kept. */
const DERIVED_MAX = 1_000

const KID = `([\\w-]{${KEY_TAG_CHARS}})([\\w-]{${SALT_CHARS}})`

const forms: Readonly<Record<TokenMode, Form>> = {
  encrypted: {
    pattern: new RegExp(`^{"alg":"dir","enc":"A256GCM","kid":"${KID}"}$`),
    headerBytes: '{"alg":"dir","enc":"A256GCM","kid":""}'.length + KEY_TAG_CHARS + SALT_CHARS,
    // Four dots, a nonce of 96 bits and a tag of 128.
    otherChars: 4 + 16 + 22,
    importKey: (bytes) => crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']),
    seal: (text, kid, key) =>
      new CompactEncrypt(text).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid }).encrypt(key),
    async unseal(token, key) {
      const only = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }
      return (await compactDecrypt(token, key, only)).plaintext
    },
  },
  signed: {
    pattern: new RegExp(`^{"alg":"HS256","kid":"${KID}"}$`),
    headerBytes: '{"alg":"HS256","kid":""}'.length + KEY_TAG_CHARS + SALT_CHARS,
    // Two dots, and 256 bits.
    otherChars: 2 + 43,
    importKey: (bytes) =>
      crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']),
    seal: (text, kid, key) => new CompactSign(text).setProtectedHeader({ alg: 'HS256', kid }).sign(key),
    unseal: async (token, key) => (await compactVerify(token, key, { algorithms: ['HS256'] })).payload,
  },
}

/** `purpose` keeps a token made here from meaning anything to another use of the same keys. */
export function tokenSealer(mode: TokenMode, keys: readonly string[], purpose: string): TokenSealer {
  const form = forms[mode]
  const label = `ninelives token 1: ${mode}: ${purpose}`
  const masters = keys.map((key) => {
    const tag = derived(key, '', `${label}: key's id`).toString('base64url').slice(0, KEY_TAG_CHARS)
    return { tag, keyFor: (salt: string) => form.importKey(derived(key, salt, label)) }
  })
  const [newest] = masters as [(typeof masters)[0]]
  const opened = new LRUCache<string, CryptoKey>({ max: DERIVED_MAX })

  const drawKey = () => {
    const salt = randomBytes(SALT_BYTES).toString('base64url')
    return { kid: newest.tag + salt, key: newest.keyFor(salt), sealsLeft: SEALS_MAX }
  }
  let own = drawKey()
  const headerChars = base64Length(form.headerBytes)

  return {
    async seal(text) {
      if (own.sealsLeft === 0) own = drawKey()
      const { kid, key } = own
      own.sealsLeft--
      return await form.seal(Buffer.from(text), kid, await key)
    },

    async unseal(token) {
      const [, tag = '', salt = ''] = form.pattern.exec(headerOf(token)) ?? []
      const at = masters.findIndex((master) => master.tag === tag)
      const master = masters[at]
      if (master === undefined) return undefined
      const kid = tag + salt
      const key = opened.get(kid) ?? (await master.keyFor(salt))
      try {
        const text = await form.unseal(token, key)
        // Only a salt that sealed something: one that was made up takes no room.
        opened.set(kid, key)
        return { text: Buffer.from(text).toString(), outdated: at > 0 }
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined
        throw error
      }
    },

    lengthOf: (textBytes) => headerChars + form.otherChars + base64Length(textBytes),
  }
}

function derived(key: string, salt: string, info: string): Buffer<ArrayBuffer> {
  return Buffer.from(hkdfSync('sha256', key, salt, info, KEY_BYTES))
}

function headerOf(token: string): string {
  return Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString()
}

/** Without padding. */
function base64Length(bytes: number): number {
  return Math.ceil((bytes * 4) / 3)
}
