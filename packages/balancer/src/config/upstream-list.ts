/**
 * The list of upstreams, as written in UPSTREAMS or sent to the admin API: `a=http://127.0.0.1:8081`, with `;weight=3` for three times
 * the requests; or `shop=dns://shop.internal:8081` for an upstream at each address of that name.
 */

export interface UpstreamAddress {
  readonly name: string
  /** Origin only, as in `http://127.0.0.1:8081`. */
  readonly url: string
  readonly hostname: string
  readonly port: number
  /** How many requests it gets for one of an upstream of weight 1. */
  readonly weight?: number
}

/** A name that is resolved periodically: each of its addresses is an upstream. */
export interface UpstreamService {
  readonly name: string
  readonly hostname: string
  readonly port: number
  readonly weight?: number
}

export interface UpstreamList {
  readonly addresses: readonly UpstreamAddress[]
  readonly services: readonly UpstreamService[]
}

export const UPSTREAM_TAKES =
  'name=http://host:port or name=dns://host:port, with ;weight=1 to 100 where wanted, separated by commas, each name and address once'

const ENTRY = /^([A-Za-z0-9_-]{1,64})=(http|dns):\/\/([^/?#@;]+)\/?(?:;weight=(\d{1,3}))?$/
export const WEIGHT_MAX = 100
const PORT_DEFAULT = 80

/** Undefined where anything in it is wrong. */
export function upstreamList(text: string): UpstreamList | undefined {
  const entries = text.split(',').map((entry) => parsed(entry.trim()))
  const addresses: UpstreamAddress[] = []
  const services: UpstreamService[] = []
  for (const entry of entries) {
    if (entry === undefined) return undefined
    if ('url' in entry) addresses.push(entry)
    else services.push(entry)
  }
  const names = new Set(entries.map((entry) => entry?.name))
  const urls = new Set(addresses.map(({ url }) => url))
  if (names.size < entries.length || urls.size < addresses.length) return undefined
  return { addresses, services }
}

function parsed(entry: string): UpstreamAddress | UpstreamService | undefined {
  const [, name, scheme, authority, said] = ENTRY.exec(entry) ?? []
  if (name === undefined || !URL.canParse(`http://${authority}`)) return undefined
  const url = new URL(`http://${authority}`)
  const weight = said === undefined ? 1 : Number(said)
  if (weight < 1 || weight > WEIGHT_MAX) return undefined
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const place = { name, hostname, port: url.port === '' ? PORT_DEFAULT : Number(url.port), ...(said && { weight }) }
  return scheme === 'dns' ? place : { ...place, url: url.origin }
}

/** One of a service's addresses, under a name that can stand in a cookie and in a metric. */
export function addressOf({ name, port, weight }: UpstreamService, address: string): UpstreamAddress {
  const host = address.includes(':') ? `[${address}]` : address
  return {
    name: `${name}-${address.replace(/[^A-Za-z0-9]/g, '-')}`,
    url: new URL(`http://${host}:${port}`).origin,
    hostname: address,
    port,
    ...(weight !== undefined && { weight }),
  }
}
