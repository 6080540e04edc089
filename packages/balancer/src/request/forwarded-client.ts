/**
 * Finds the client behind trusted proxies. Each proxy appends the address that connected to it, and a client can forge all that stands
 * before. So the list is read from its right end: the first address that is no trusted proxy is the client.
 *
 * Of X-Forwarded-* and Forwarded only one is read, the one that the proxies write: a client could send the other one through them.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import type { ClientOrigin } from './header-rewriting.ts'
import { HOST } from './request-target.ts'
import { plainAddress } from '../config/address-ranges.ts'

export interface ForwardingRules {
  readonly trusts: (address: string) => boolean
  readonly header: 'x-forwarded-for' | 'forwarded'
}

/** What one proxy says of the peer that connected to it. */
interface Hop {
  readonly address: string | undefined
  readonly proto: string | undefined
  readonly host: string | undefined
}

/** `origin`: the peer that opened the connection. */
export function forwardedClient(
  origin: ClientOrigin,
  headers: IncomingHttpHeaders,
  { trusts, header }: ForwardingRules,
): ClientOrigin {
  if (!origin.trusted) return origin
  const hops = header === 'forwarded' ? forwardedHops(headers) : xForwardedHops(headers)
  let { address } = origin
  let nearest = hops[0]
  for (const hop of hops) {
    if (hop.address === undefined) break
    ;({ address } = hop)
    nearest = hop
    if (!trusts(address)) break
  }
  const proto = nearest?.proto?.toLowerCase()
  const host = nearest?.host
  return {
    ...origin,
    address,
    proto: proto === 'https' || proto === 'http' ? proto : undefined,
    host: host !== undefined && HOST.test(host) ? host : undefined,
  }
}

/** The last hop first. A proxy that sets a field, rather than appending to it, says the same of every hop. */
function xForwardedHops(headers: IncomingHttpHeaders): readonly Hop[] {
  const addresses = entries(headers['x-forwarded-for'])
  const protos = entries(headers['x-forwarded-proto'])
  const hosts = entries(headers['x-forwarded-host'])
  const said = addresses.length === 0 ? [undefined] : addresses
  return said.map((address, index) => ({
    address: addressIn(address),
    proto: protos[Math.min(index, protos.length - 1)],
    host: hosts[Math.min(index, hosts.length - 1)],
  }))
}

/**
 * RFC 7239, except that commas and semicolons count also within quotes: proxies quote neither, and a quote that a client left open
 * must not hide what the proxy appended.
 */
function forwardedHops({ forwarded }: IncomingHttpHeaders): readonly Hop[] {
  return entries(forwarded).map((element) => {
    const pairs = new Map(element.split(';').map(pairIn))
    return { address: addressIn(pairs.get('for')), proto: pairs.get('proto'), host: pairs.get('host') }
  })
}

function pairIn(text: string): [name: string, value: string] {
  const [, name = '', value = ''] = /^\s*([\w-]+)="?([^"]*)"?\s*$/.exec(text) ?? []
  return [name.toLowerCase(), value]
}

function entries(field: string | readonly string[] | undefined): string[] {
  if (field === undefined || field.length === 0) return []
  return String(field)
    .split(',')
    .map((entry) => entry.trim())
    .toReversed()
}

/** Some proxies add the port. */
function addressIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const [, bare] = /^\[(.*)\](?::\d+)?$/.exec(text) ?? /^([\d.]+):\d+$/.exec(text) ?? []
  const address = plainAddress(bare ?? text)
  return isIP(address) === 0 ? undefined : address
}
