/** A host and a port, as they stand in a URL. */
import { isIP } from 'node:net'
import { StoreConfigError } from '../../errors.ts'

export interface Address {
  /** EVERYWHERE to listen on all of this machine's addresses. */
  readonly host: string
  readonly port: number
}

export const EVERYWHERE = ''

/** Takes apart host:port or [ipv6]:port. Throws StoreConfigError, which says where the text stood. */
export function address(text: string, where: string): Address {
  const [, v6, name, digits] = /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = v6 ?? name
  const port = Number(digits)
  if (host === undefined || !(port >= 1 && port <= 65_535))
    throw new StoreConfigError(`'${text}' in ${where} is no address: it takes host:port or [ipv6]:port`)
  return { host: host.toLowerCase(), port }
}

export function shown({ host, port }: Address): string {
  if (host === EVERYWHERE) return `every address, port ${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Of this machine, and of no other. */
export function isLoopback({ host }: Address): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

export function isNumeric({ host }: Address): boolean {
  return isIP(host) !== 0
}

/** An IPv4 address on a socket of both kinds is written as one of IPv6. */
export function plain(address: string): string {
  return address.replace(/^::ffff:/i, '')
}
