/**
 * The PROXY protocol, version 2: the same as version 1 in binary form, with room for fields (TLVs) behind the addresses. Of those only the
 * checksum is looked at; a header that carries one must match it.
 */
import { SocketAddress } from 'node:net'
import { COMPLETE_WITHOUT_ADDRESS, INCOMPLETE, MALFORMED } from './proxy-header.ts'
import type { ProxyHeader } from './proxy-header.ts'
import { crc32c } from './crc32c.ts'

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** The signature, version and command, family and protocol, and the length of what follows. */
const FIXED_BYTES = 16
/** Of a whole header. The protocol allows 65,551; what proxies send, a certificate's fields included, has some hundreds. */
const HEADER_BYTES_MAX = 4_096

const VERSION = 2
const LOCAL = 0
const PROXY = 1
/** Families, with the length of their two addresses and ports. Datagrams are refused. */
const ADDRESS_BYTES = new Map([
  [0x00, 0],
  [0x11, 12],
  [0x21, 36],
  [0x31, 216],
])
const TCP_OVER_IPV4 = 0x11
const TCP_OVER_IPV6 = 0x21

const TLV_HEAD_BYTES = 3
const TLV_CRC32C = 0x03
const CRC_BYTES = 4

/** Whether it is version 2: no line of version 1, and no request, begins with this byte. */
export function isVersion2(received: Buffer): boolean {
  return received[0] === SIGNATURE[0]
}

export function proxyHeaderV2(received: Buffer): ProxyHeader {
  const start = received.subarray(0, SIGNATURE.length)
  if (!start.equals(SIGNATURE.subarray(0, start.length))) return MALFORMED
  if (received.length < FIXED_BYTES) return INCOMPLETE
  const version = received.readUInt8(12) >> 4
  const command = received.readUInt8(12) & 0x0f
  const family = received.readUInt8(13)
  const bytes = FIXED_BYTES + received.readUInt16BE(14)
  if (version !== VERSION || command > PROXY || bytes > HEADER_BYTES_MAX) return MALFORMED
  if (received.length < bytes) return INCOMPLETE
  const header = received.subarray(0, bytes)
  // A proxy that speaks for itself, as for a health check: whatever follows is to be skipped.
  if (command === LOCAL) return { ...COMPLETE_WITHOUT_ADDRESS, bytes }
  const addressBytes = ADDRESS_BYTES.get(family)
  if (addressBytes === undefined || FIXED_BYTES + addressBytes > bytes) return MALFORMED
  // Where the family is not said, what is behind it need not be fields.
  if (family !== 0 && !areFieldsRight(header, FIXED_BYTES + addressBytes)) return MALFORMED
  return { state: 'complete', bytes, address: sourceIn(header, family) }
}

/** Undefined where the client has no address: a local socket, or an unknown one. */
function sourceIn(header: Buffer, family: number): string | undefined {
  if (family === TCP_OVER_IPV4) return header.subarray(FIXED_BYTES, FIXED_BYTES + 4).join('.')
  if (family !== TCP_OVER_IPV6) return undefined
  const groups = Array.from({ length: 8 }, (_, index) => header.readUInt16BE(FIXED_BYTES + 2 * index).toString(16))
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}

function areFieldsRight(header: Buffer, from: number): boolean {
  let at = from
  let hasChecksum = false
  while (at < header.length) {
    if (at + TLV_HEAD_BYTES > header.length) return false
    const value = at + TLV_HEAD_BYTES
    const end = value + header.readUInt16BE(at + 1)
    if (end > header.length) return false
    if (header[at] === TLV_CRC32C) {
      if (hasChecksum || end - value !== CRC_BYTES || !isChecksumRight(header, value)) return false
      hasChecksum = true
    }
    at = end
  }
  return true
}

/** The checksum covers the header with zeros in the checksum's own place. */
function isChecksumRight(header: Buffer, at: number): boolean {
  const blank = Buffer.from(header)
  blank.fill(0, at, at + CRC_BYTES)
  return crc32c(blank) === header.readUInt32BE(at)
}
