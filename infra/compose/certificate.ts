/**
 * A certificate that signs itself, as DER by hand (X.509, RFC 5280): Node can sign and read certificates, and makes none. A library for it
 * would come into the image for these few fields.
 */
import { type KeyObject, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

export interface Certified {
  /** PEM. */
  readonly certificate: string
  readonly privateKey: string
}

const DAY_MS = 24 * 60 * 60_000
const LIFETIME_DAYS = 365
/** One that was made just now is not yet valid for a client whose clock is behind. */
const BACKDATED_MS = 60 * 60_000
const SERIAL_BYTES = 16

const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  subjectAltName: '551d11',
  serverAuth: '2b06010505070301',
} as const

/** For these host names and IPv4 addresses, the first of which names it. */
export function selfSigned(hosts: readonly string[], nowMs = Date.now()): Certified {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(oid(OID.ecdsaWithSha256))
  const contents = toBeSigned(hosts, publicKey, algorithm, nowMs)
  const signature = sign('sha256', contents, privateKey)
  const der = sequence(contents, algorithm, bits(signature))
  return {
    certificate: new X509Certificate(der).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

/** Whether a certificate is to be made anew at this start: the next one may be long after. */
export function isDue(certificate: string, nowMs = Date.now()): boolean {
  return Date.parse(new X509Certificate(certificate).validTo) < nowMs + 60 * DAY_MS
}

function toBeSigned(hosts: readonly string[], publicKey: KeyObject, algorithm: Buffer, nowMs: number): Buffer {
  const [host = ''] = hosts
  const name = sequence(set(sequence(oid(OID.commonName), element(0x0c, Buffer.from(host)))))
  const serial = randomBytes(SERIAL_BYTES)
  // Positive, and without a leading zero.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const alternatives = hosts.map((each) =>
    isIP(each) === 4 ? element(0x87, Buffer.from(each.split('.').map(Number))) : element(0x82, Buffer.from(each)),
  )
  const yes = element(0x01, Buffer.from([0xff]))
  return sequence(
    element(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    name,
    sequence(time(nowMs - BACKDATED_MS), time(nowMs + LIFETIME_DAYS * DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(
      0xa3,
      sequence(
        // It may be given to a client as an authority: that is how it is trusted.
        extension(OID.basicConstraints, sequence(yes), yes),
        // digitalSignature and keyCertSign.
        extension(OID.keyUsage, element(0x03, Buffer.from([2, 0b10000100])), yes),
        extension(OID.extendedKeyUsage, sequence(oid(OID.serverAuth))),
        extension(OID.subjectAltName, sequence(...alternatives)),
      ),
    ),
  )
}

function extension(id: string, value: Buffer, ...critical: readonly Buffer[]): Buffer {
  return sequence(oid(id), ...critical, element(0x04, value))
}

/** GeneralizedTime is for years from 2050 on. */
function time(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return text < '2050' ? element(0x17, Buffer.from(text.slice(2))) : element(0x18, Buffer.from(text))
}

function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content])
  // DER takes the shortest form.
  const long = Buffer.from(length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff])
  return Buffer.concat([Buffer.from([tag]), long, content])
}

const sequence = (...contents: readonly Buffer[]): Buffer => element(0x30, ...contents)
const set = (...contents: readonly Buffer[]): Buffer => element(0x31, ...contents)
const oid = (hex: string): Buffer => element(0x06, Buffer.from(hex, 'hex'))
const integer = (bytes: Buffer): Buffer => element(0x02, bytes)
const bits = (bytes: Buffer): Buffer => element(0x03, Buffer.from([0]), bytes)
