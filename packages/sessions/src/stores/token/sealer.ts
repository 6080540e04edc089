/**
 * Texts sealed as tokens: encrypted (JWE, `dir`, A256GCM) or only signed (JWS, HS256), by keys that are derived from the
 * application's.
 *
 * The key's id in a token's header names one of the application's keys and a salt. Each process draws a salt of its own, and
 * another after SEALS_MAX tokens, and derives a key of each: nonces are random, and so no key has to stay safe for more tokens
 * than that. A header is compared with the one form that is made here before anything else is done with a token, so that neither the
 * algorithm nor a parameter of it is the sender's choice. Nothing is compressed: a length tells how much is in a session, and
 * no more.
 *
 * jose seals. Tokens are opened by `node:crypto`: jose opens them by WebCrypto, which hands each over to another thread, and a
 * request with a token that was not opened before then took 2.6 times the CPU of one of the memory store.
 */
import { createDecipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import { CompactEncrypt, CompactSign } from 'jose'
import { LRUCache } from 'lru-cache'
import { sameDigest } from '../../secrets/id.ts'

export type TokenMode = 'encrypted' | 'signed'

export interface TokenSealer {
  readonly seal: (text: string) => Promise<string>
  /** Undefined for what none of the keys has sealed. `outdated`: a newer key has replaced its own. */
  readonly open: (token: string) => { readonly text: string; readonly outdated: boolean } | undefined
  /** How long the token of so many bytes of text is. */
  readonly lengthOf: (textBytes: number) => number
}

interface Form {
  /** Of the header as JSON, with the two parts of the key's id in its groups. */
  readonly pattern: RegExp
  readonly headerBytes: number
  /** What a token has beside its header and its text. */
  readonly otherChars: number
  readonly sealingKey: (bytes: Buffer<ArrayBuffer>) => Promise<CryptoKey>
  readonly seal: (text: Uint8Array, kid: string, key: CryptoKey) => Promise<string>
  readonly open: (parts: readonly string[], key: KeyObject) => string | undefined
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
const NONCE_BYTES = 12
const TAG_BYTES = 16

const KID = `([\\w-]{${KEY_TAG_CHARS}})([\\w-]{${SALT_CHARS}})`

const forms: Readonly<Record<TokenMode, Form>> = {
  encrypted: {
    pattern: new RegExp(`^{"alg":"dir","enc":"A256GCM","kid":"${KID}"}$`),
    headerBytes: '{"alg":"dir","enc":"A256GCM","kid":""}'.length + KEY_TAG_CHARS + SALT_CHARS,
    otherChars: '....'.length + base64Length(NONCE_BYTES) + base64Length(TAG_BYTES),
    sealingKey: (bytes) => crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt']),
    seal: (text, kid, key) =>
      new CompactEncrypt(text).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid }).encrypt(key),

    open([header = '', wrappedKey, nonceText = '', text = '', tagText = '', ...more], key) {
      const nonce = Buffer.from(nonceText, 'base64url')
      const tag = Buffer.from(tagText, 'base64url')
      // A shorter tag would be easier to guess.
      const isWhole = nonce.length === NONCE_BYTES && tag.length === TAG_BYTES
      if (!isWhole || wrappedKey !== '' || more.length > 0) return undefined
      const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(header)).setAuthTag(tag)
      try {
        return cipher.update(text, 'base64url', 'utf8') + cipher.final('utf8')
      } catch {
        // The tag is not of this text under this key.
        return undefined
      }
    },
  },

  signed: {
    pattern: new RegExp(`^{"alg":"HS256","kid":"${KID}"}$`),
    headerBytes: '{"alg":"HS256","kid":""}'.length + KEY_TAG_CHARS + SALT_CHARS,
    otherChars: '..'.length + base64Length(KEY_BYTES),
    sealingKey: (bytes) => crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']),
    seal: (text, kid, key) => new CompactSign(text).setProtectedHeader({ alg: 'HS256', kid }).sign(key),

    open([header, text = '', signature = '', ...more], key) {
      const proof = createHmac('sha256', key).update(`${header}.${text}`).digest('base64url')
      if (more.length > 0 || !sameDigest(proof, signature)) return undefined
      return Buffer.from(text, 'base64url').toString()
    },
  },
}

/** `purpose` keeps a token made here from meaning anything to another use of the same keys. */
export function tokenSealer(mode: TokenMode, keys: readonly string[], purpose: string): TokenSealer {
  const form = forms[mode]
  const label = `ninelives token 1: ${mode}: ${purpose}`
  const masters = keys.map((key) => ({
    tag: derived(key, '', `${label}: key's id`).toString('base64url').slice(0, KEY_TAG_CHARS),
    keyFor: (salt: string) => derived(key, salt, label),
  }))
  const [newest] = masters as [(typeof masters)[0]]
  const known = new LRUCache<string, KeyObject>({ max: DERIVED_MAX })

  const drawKey = () => {
    const salt = randomBytes(SALT_BYTES).toString('base64url')
    return { kid: newest.tag + salt, key: form.sealingKey(newest.keyFor(salt)), sealsLeft: SEALS_MAX }
  }
  let own = drawKey()

  return {
    async seal(text) {
      if (own.sealsLeft === 0) own = drawKey()
      const { kid, key } = own
      own.sealsLeft--
      return await form.seal(Buffer.from(text), kid, await key)
    },

    open(token) {
      const parts = token.split('.')
      const header = Buffer.from(parts[0] as string, 'base64url').toString()
      const [, tag = '', salt = ''] = form.pattern.exec(header) ?? []
      const at = masters.findIndex((master) => master.tag === tag)
      const master = masters[at]
      if (master === undefined) return undefined
      const kid = tag + salt
      const key = known.get(kid) ?? createSecretKey(master.keyFor(salt))
      const text = form.open(parts, key)
      if (text === undefined) return undefined
      // Only of a salt that has sealed something: one that was made up takes no room.
      known.set(kid, key)
      return { text, outdated: at > 0 }
    },

    lengthOf: (textBytes) => base64Length(form.headerBytes) + form.otherChars + base64Length(textBytes),
  }
}

function derived(key: string, salt: string, info: string): Buffer<ArrayBuffer> {
  return Buffer.from(hkdfSync('sha256', key, salt, info, KEY_BYTES))
}

/** Without padding. */
function base64Length(bytes: number): number {
  return Math.ceil((bytes * 4) / 3)
}
