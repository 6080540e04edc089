/** Password hashes: salted Argon2id, computed off the main thread. */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { PasswordCost } from '../config.ts'

export interface PasswordHash {
  readonly salt: Uint8Array
  readonly digest: Uint8Array
}

/** OWASP's minimum for Argon2id, and the least that Argon2 accepts, for a lab that logs in thousands of users. */
const PARAMETERS = {
  standard: { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 },
  low: { memory: 8, passes: 1, parallelism: 1, tagLength: 32 },
} as const satisfies Record<PasswordCost, object>

const SALT_BYTES = 16
const derive = promisify(argon2)

export async function hashPassword(password: string, cost: PasswordCost): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES)
  return { salt, digest: await derive('argon2id', { ...PARAMETERS[cost], message: password, nonce: salt }) }
}

export async function passwordMatches(password: string, hash: PasswordHash, cost: PasswordCost): Promise<boolean> {
  const digest = await derive('argon2id', { ...PARAMETERS[cost], message: password, nonce: hash.salt })
  return timingSafeEqual(digest, hash.digest)
}
