/** Addresses and networks (IPv4 and IPv6) of trusted proxies. */
import { BlockList, isIPv4, isIPv6 } from 'node:net'

export interface AddressRange {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

const BITS = { ipv4: 32, ipv6: 128 } as const

/** From `10.0.0.0/8`, `2001:db8::/32` or a single address; undefined where it is none. */
export function addressRange(text: string): AddressRange | undefined {
  const [, address = '', length] = /^([\da-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = familyOf(address)
  if (family === undefined) return undefined
  const prefix = length === undefined ? BITS[family] : Number(length)
  return prefix <= BITS[family] ? { address, prefix, family } : undefined
}

/** Whether an address, as `plainAddress` gives it, is among them. */
export function trustedProxies(ranges: readonly AddressRange[]): (address: string) => boolean {
  if (ranges.length === 0) return () => false
  const list = new BlockList()
  for (const { address, prefix, family } of ranges) list.addSubnet(address, prefix, family)
  return (address) => {
    const family = familyOf(address)
    return family !== undefined && list.check(address, family)
  }
}

/** A listener on IPv6 shows IPv4 clients as IPv4-mapped addresses, and link-local ones with their zone. */
export function plainAddress(address: string): string {
  if (address.startsWith('::ffff:') && isIPv4(address.slice('::ffff:'.length))) return address.slice('::ffff:'.length)
  const zone = address.indexOf('%')
  return zone === -1 ? address : address.slice(0, zone)
}

function familyOf(address: string): AddressRange['family'] | undefined {
  if (isIPv4(address)) return 'ipv4'
  return isIPv6(address) ? 'ipv6' : undefined
}
