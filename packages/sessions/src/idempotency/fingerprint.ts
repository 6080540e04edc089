/**
 * The fingerprint of a request, which distinguishes requests with the same idempotency key. It is stored, and a payload may contain a
 * password, so it is an HMAC with a key derived from the application's, over the idempotency key too, which is stored only as a digest.
 * It has two parts, so that the payload's can be left out: a login's payload must not be kept in any form.
 */
import { hmac } from '../secrets/signing-keys.ts'

/** A request, as far as its fingerprint tells. */
export interface FingerprintedRequest {
  readonly key: string
  /** Method and address. */
  readonly address: string
  /** Undefined where it is left out. */
  readonly payload: string | undefined
}

export interface Fingerprint {
  /** To be stored. */
  readonly whole: string
  /** To be stored where the payload is to be left out. */
  readonly withoutPayload: string
  /** Whether a stored fingerprint may be of this request; true if it can't be compared. */
  matches(stored: string): boolean
}

/** Where there is nothing to tell apart: a key that was made for one request and is known to no client. */
export const NO_FINGERPRINT: Fingerprint = { whole: '', withoutPayload: '', matches: () => true }

/** For a text that is the same for the same request, and has no secret in it. */
export function exactly(text: string): Fingerprint {
  return { whole: text, withoutPayload: '', matches: (stored) => stored === '' || stored === text }
}

/** So much of a key's own digest says which key a fingerprint was made with. */
const ID_LENGTH = 4
/** 48 bits: it detects mistakes of clients, and grants nothing. */
const PART_LENGTH = 8
const PURPOSE = 'ninelives: fingerprint of a request with an idempotency key'

/** `keys` are the application's, the newest first. A stored fingerprint is compared under the one that it was made with. */
export function fingerprints(keys: readonly string[]): (request: FingerprintedRequest) => Fingerprint {
  const derived = keys.map((key) => {
    const sign = hmac(hmac(key)(PURPOSE))
    return { sign, id: sign('id').slice(0, ID_LENGTH) }
  })
  const [newest] = derived

  return (request) => {
    const whole = newest === undefined ? '' : newest.id + parts(newest.sign, request)
    return {
      whole,
      withoutPayload: whole.slice(0, ID_LENGTH + PART_LENGTH),
      matches(stored) {
        const known = derived.find(({ id }) => stored.startsWith(id))
        if (known === undefined) return true
        const own = known === newest ? whole : known.id + parts(known.sign, request)
        const length = Math.min(own.length, stored.length)
        return own.slice(0, length) === stored.slice(0, length)
      },
    }
  }
}

function parts(sign: (text: string) => string, { key, address, payload }: FingerprintedRequest): string {
  const part = (of: string, text: string): string => sign(JSON.stringify([of, key, text])).slice(0, PART_LENGTH)
  return payload === undefined ? part('address', address) : part('address', address) + part('payload', payload)
}
