/** The network that an address lies in: what stays the same when a provider gives a client another address. */
import { isIPv4, isIPv6 } from 'node:net'
import { type Rules, take } from './options.ts'

export interface NetworkSize {
  /** How many leading bits of an IPv4 address name the network. */
  readonly ipv4Bits: number
  readonly ipv6Bits: number
}

export const networkSizeRules: Rules<NetworkSize> = {
  ipv4Bits: take.wholeNumber(0, 32),
  ipv6Bits: take.wholeNumber(0, 128),
}

/** What is no address: one network of its own. */
const NOWHERE = 'nowhere'

const IPV4_BYTES = 4
const IPV6_GROUPS = 8
const MAPPED_PREFIX = '00000000000000000000ffff'

/** A text that two addresses share exactly when they are in one network. IPv4 within IPv6 counts as IPv4. */
export function networkOf(address: string, { ipv4Bits, ipv6Bits }: NetworkSize): string {
  const bytes = addressBytes(address)
  if (bytes === undefined) return NOWHERE
  const bits = bytes.length === IPV4_BYTES ? ipv4Bits : ipv6Bits
  return `${bytes.length === IPV4_BYTES ? 'ipv4' : 'ipv6'}:${masked(bytes, bits).toString('hex')}/${bits}`
}

function addressBytes(address: string): Buffer | undefined {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [bare = ''] = address.split('%', 1)
  if (!isIPv6(bare)) return undefined
  const bytes = ipv6Bytes(bare)
  return bytes.toString('hex').startsWith(MAPPED_PREFIX) ? bytes.subarray(-IPV4_BYTES) : bytes
}

function ipv6Bytes(address: string): Buffer {
  // The URL parser knows every spelling and writes one: hexadecimal groups, the longest run of zeros as '::'.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = [], tail = []] = canonical.split('::').map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: IPV6_GROUPS - head.length - tail.length }, () => '0')
  return Buffer.from([...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex')
}

function masked(bytes: Buffer, bits: number): Buffer {
  return Buffer.from(bytes.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - index * 8)))))
}
