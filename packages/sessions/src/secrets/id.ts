/**
 * A session's id is a handle and a secret. The handle finds the session and stays for its whole life; the secret proves
 * that the bearer may use it and is replaced at every rotation. Stores see only hashes of both, so a reader of a store,
 * a dump or a log can't make a cookie of it.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { SessionKey } from '../contract.ts'

const HANDLE_BYTES = 16
const SECRET_BYTES = 32
/** 128 bits in base64url. */
export const DIGEST_LENGTH = 22
export const HANDLE_CHARS = 22

declare const brand: unique symbol

/** A hash of a user's name, so that the name itself stays in the application's own data. */
export type UserTag = string & { readonly [brand]: 'UserTag' }

export interface SessionId {
  readonly handle: string
  readonly secret: string
  /** Whose session it is, so that the user's index can be read beside it and not after it. */
  readonly user?: UserTag | undefined
}

export type RandomBytes = (size: number) => Buffer

export function newSessionId(random: RandomBytes = randomBytes): SessionId {
  return { handle: random(HANDLE_BYTES).toString('base64url'), secret: newSecret(random) }
}

export function newSecret(random: RandomBytes = randomBytes): string {
  return random(SECRET_BYTES).toString('base64url')
}

export function sessionKey(handle: string): SessionKey {
  return digest(handle) as SessionKey
}

/** The session's public id, for lists and logs: its key, which is a hash and opens nothing. */
export function sessionRef(key: SessionKey): string {
  return key
}

/** The key of a record of the layer's that is no session. `name` says what it is of. */
export function auxiliaryKey(name: string): SessionKey {
  return `~${digest(name)}` as SessionKey
}

export function isAuxiliary(key: SessionKey): boolean {
  return key.startsWith('~')
}

export function userTag(user: string): UserTag {
  return digest(user) as UserTag
}

export function secretDigest(secret: string): string {
  return digest(secret)
}

/** Compares two digests of one length without telling by its time where they differ. */
export function sameDigest(left: string, right: string): boolean {
  const leftBytes = Buffer.from(left)
  const rightBytes = Buffer.from(right)
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes)
}

/**
 * The first 128 bits of a SHA-256 (and four more, of the last letter): what is hashed was drawn at random, and to hit one of
 * these is out of reach. The slice keeps the whole text in memory: copy it where many are kept for long.
 */
function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, DIGEST_LENGTH)
}
