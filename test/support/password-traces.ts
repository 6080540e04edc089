/** Whatever a guesser could check a password against: the password, the body it was sent in, and every usual digest of these. */
import { createHash, createHmac } from 'node:crypto'

export interface SentPassword {
  readonly name: string
  readonly password: string
}

const ALGORITHMS = ['md5', 'sha1', 'sha256', 'sha512', 'sha3-256']
const ENCODINGS = ['hex', 'base64url'] as const
/** No two texts share so many characters of a digest by chance. */
const PREFIX_LENGTH = 10

/** What of it is found in `text`, in words. `secrets`: what an insider may know as keys of an HMAC. */
export function passwordTraces(written: string, sent: readonly SentPassword[], secrets: readonly string[]): string[] {
  const found = new Set<string>()
  // Base64 in either of its alphabets.
  const text = `${written}\n${written.replaceAll('+', '-').replaceAll('/', '_')}`
  for (const { name, password } of sent) {
    const [body, reversed] = [
      { name, password },
      { password, name },
    ].map((each) => JSON.stringify(each))
    const spelt = [
      password,
      encodeURIComponent(password),
      ...ENCODINGS.map((each) => Buffer.from(password).toString(each)),
    ]
    for (const each of spelt) if (text.includes(each)) found.add(`${each} as it is`)
    const about = [password, body, reversed, `${name}${password}`, `${name}:${password}`, `${name}\n${password}`]
    const requests = about.flatMap((each) => [each, `POST /api/login\n${each}`, `POST /api/login ${each}`])
    for (const input of requests as string[])
      for (const { how, digest } of digests(input, secrets))
        if (text.includes(digest.slice(0, PREFIX_LENGTH))) found.add(`${how} of ${input}`)
  }
  return [...found]
}

function* digests(input: string, secrets: readonly string[]): Generator<{ how: string; digest: string }> {
  for (const algorithm of ALGORITHMS) {
    const made = [
      { how: algorithm, bytes: createHash(algorithm).update(input).digest() },
      ...secrets.map((key) => ({
        how: `hmac-${algorithm} under ${key}`,
        bytes: createHmac(algorithm, key).update(input).digest(),
      })),
    ]
    for (const { how, bytes } of made)
      for (const encoding of ENCODINGS) yield { how: `${how} in ${encoding}`, digest: bytes.toString(encoding) }
  }
}
