/**
 * What a mesh URL names, and the settings that travel in it:
 *
 *     replicated:?name=a&peers=a=10.0.0.1:7000,b=10.0.0.2:7000,c=10.0.0.3:7000    every node holds every session
 *     clustered:?copies=2&name=a&peers=...                                        each on its owner and so many backups
 *     replicated:?name=a&names=a,b,c&dns=nodes:7000                               addresses from a DNS name
 *     replicated:?name=a&members=a,b,c&peers=a=...,b=...,c=...,d=...,e=...        a, b and c found it; d and e may be added later
 *
 * The names are the cluster: majorities are counted over them and sessions are placed by them, so all nodes need the same
 * list, and a handshake refuses a node with another one. With `members` the list has names to spare: see PROTOCOL.md, "Members come
 * and go". DNS supplies addresses only. Rejected: learning the names from DNS
 * too, given their number: with one container too many, two halves could each count themselves complete.
 *
 * `name` and the secret may come from the process instead of the URL, which then is the same text for every node. Every
 * refusal is one line that says what was given and what is accepted, and never repeats a secret.
 */
import type { Ack } from '../contract.ts'
import { StoreConfigError } from '../errors.ts'
import { setting, settings, type Settings } from '../url-settings.ts'
import { type Address, address, EVERYWHERE, isLoopback, isNumeric, shown } from './links/address.ts'
import type { MeshLocation, Whereabouts } from './links/location.ts'

/** What the process may supply instead of the URL. */
export interface MeshDefaults {
  readonly name?: string | undefined
  readonly secret?: string | undefined
}

export const NODES_MAX = 12
export const SECRET_LENGTH_MIN = 32

const NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/
const rules = {
  name: setting.text,
  names: setting.text,
  members: setting.text,
  peers: setting.text,
  dns: setting.text,
  listen: setting.text,
  copies: setting.text,
  secret: setting.secret,
  tls: setting.oneOf('on', 'off'),
  ca: setting.text,
  cert: setting.text,
  key: setting.text,
  ack: setting.oneOf<Ack>('local', 'one', 'quorum', 'all'),
  openTimeoutMs: setting.durationMs(),
  alone: setting.boolean,
}

type Given = Settings<typeof rules>

export function meshLocation(url: string, defaults: MeshDefaults = {}): MeshLocation {
  const [, scheme = ''] = /^(replicated|clustered):(?:\/\/)?(?:\?.*)?$/is.exec(url) ?? []
  if (scheme === '')
    throw new StoreConfigError('a mesh URL is replicated:?name=a&peers=a=HOST:PORT,b=..., and yours has another form')
  const given = settings(url, rules)
  const name = given.name ?? defaults.name
  if (name === undefined) throw new StoreConfigError("the store's URL names no node: it takes name=a")
  const { names, whereabouts } = members(given, name)
  const secret = given.secret ?? defaults.secret
  if (secret !== undefined && secret.length < SECRET_LENGTH_MIN)
    throw new StoreConfigError(
      `the mesh's secret has ${secret.length} characters, and takes ${SECRET_LENGTH_MIN} or more`,
    )
  const listen = listenAddress(given, name, whereabouts)
  return {
    name,
    names,
    founders: founders(given.members, names, scheme.toLowerCase()),
    copies: copies(given.copies, scheme.toLowerCase(), names.length),
    listen,
    whereabouts,
    secret,
    ...security(given, secret, [...addressesOf(whereabouts), listen]),
    ack: given.ack,
    openTimeoutMs: given.openTimeoutMs,
  }
}

function members(given: Given, name: string): { names: readonly string[]; whereabouts: Whereabouts } {
  const dns = given.dns
  const list = given.peers
  if ((dns === undefined) === (list === undefined))
    throw new StoreConfigError(
      "the store's URL takes either peers=a=HOST:PORT,b=... or names=a,b,... with dns=HOST:PORT",
    )
  if (list !== undefined && given.names !== undefined)
    throw new StoreConfigError('names= goes with dns=; a list of peers has its names in itself')
  const whereabouts: Whereabouts =
    dns === undefined ? { kind: 'list', addresses: peerList(list ?? '') } : { kind: 'dns', at: address(dns, 'dns') }
  const names = whereabouts.kind === 'list' ? [...whereabouts.addresses.keys()] : nameList(given.names)
  checkNames(names, name, given.alone === true)
  return { names: [...names].sort(), whereabouts }
}

/** The names that found the mesh, in the order of the alphabet. */
function founders(text: string | undefined, names: readonly string[], scheme: string): readonly string[] | undefined {
  if (text === undefined) return undefined
  if (scheme !== 'replicated')
    throw new StoreConfigError('members= is for replicated:, where a node that is added has every session')
  const found = text.split(',').map((each) => each.trim())
  const other = found.find((each) => !names.includes(each))
  if (other !== undefined)
    throw new StoreConfigError(`members has '${other}', and the names are ${names.join(', ')}: it takes some of them`)
  const twice = found.find((each, index) => found.indexOf(each) !== index)
  if (twice !== undefined) throw new StoreConfigError(`members has '${twice}' twice: every node has a name of its own`)
  return found.sort()
}

function peerList(text: string): Map<string, Address> {
  const found = new Map<string, Address>()
  const owners = new Map<string, string>()
  for (const entry of text.split(',').map((each) => each.trim())) {
    const [, name = '', at = ''] = /^([^=]*)=(.*)$/.exec(entry) ?? []
    if (name === '') throw new StoreConfigError(`'${entry}' in peers is no peer: it takes NAME=HOST:PORT`)
    if (found.has(name)) throw new StoreConfigError(`peers names '${name}' twice: every node has a name of its own`)
    const where = address(at, `peers, at ${name},`)
    const other = owners.get(shown(where))
    if (other !== undefined)
      throw new StoreConfigError(`peers has '${other}' and '${name}' at one address, ${shown(where)}`)
    owners.set(shown(where), name)
    found.set(name, where)
  }
  return found
}

function nameList(text: string | undefined): string[] {
  const names = (text ?? '').split(',').map((each) => each.trim())
  const twice = names.find((each, index) => names.indexOf(each) !== index)
  if (twice !== undefined && twice !== '')
    throw new StoreConfigError(`names has '${twice}' twice: every node has a name of its own`)
  if (names.includes('')) throw new StoreConfigError('dns= goes with names=a,b,...: the names of all nodes')
  return names
}

function checkNames(names: readonly string[], own: string, alone: boolean): void {
  for (const name of [...names, own]) {
    if (!NAME.test(name))
      throw new StoreConfigError(`'${name}' is no name of a node: it takes letters, digits and dashes, 32 at most`)
  }
  if (!names.includes(own))
    throw new StoreConfigError(`this node is '${own}', and the peers are ${names.join(', ')}: it is not one of them`)
  if (names.length === 1 && !alone)
    throw new StoreConfigError(`peers names this node '${own}' alone: name another, or say alone=true`)
  if (names.length > NODES_MAX)
    throw new StoreConfigError(`the store's URL names ${names.length} nodes, and takes ${NODES_MAX} at most`)
}

/** Its own entry if that is a numeric or loopback address; everywhere if it is a host name. */
function listenAddress(given: Given, name: string, whereabouts: Whereabouts): Address {
  const listen = given.listen
  if (listen !== undefined) return address(listen, 'listen')
  const own = whereabouts.kind === 'list' ? whereabouts.addresses.get(name) : whereabouts.at
  if (own === undefined) throw new StoreConfigError(`no address to listen on: the store's URL takes listen=HOST:PORT`)
  return isNumeric(own) || isLoopback(own) ? own : { host: EVERYWHERE, port: own.port }
}

function copies(text: string | undefined, scheme: string, nodes: number): 'all' | number {
  if (scheme === 'replicated') {
    if (text === undefined || text === 'all') return 'all'
    throw new StoreConfigError(`copies is '${text}', and replicated: has one on every node: use clustered:`)
  }
  const backups = text === undefined ? Math.min(2, nodes - 1) : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
  if (!(backups >= Math.min(1, nodes - 1) && backups < nodes))
    throw new StoreConfigError(
      `copies is '${text}', and takes how many backups a session has beside its owner: 1 to ${nodes - 1} on ${nodes} nodes`,
    )
  return backups
}

function addressesOf(whereabouts: Whereabouts): readonly Address[] {
  return whereabouts.kind === 'list' ? [...whereabouts.addresses.values()] : [whereabouts.at]
}

/** Outside one machine, a mesh without encryption and authentication is refused. */
function security(
  given: Given,
  secret: string | undefined,
  addresses: readonly Address[],
): Pick<MeshLocation, 'tls' | 'certificates'> {
  const { tls: asked, ca, cert, key } = given
  const outside = addresses.find((each) => !isLoopback(each))
  if (outside !== undefined && asked === 'off')
    throw new StoreConfigError(`tls=off is for loopback addresses, and ${shown(outside)} is none`)
  const files = [ca, cert, key].filter((each) => each !== undefined).length
  if (files !== 0 && (files !== 3 || asked === 'off'))
    throw new StoreConfigError('certificates are three files, ca=, cert= and key=, and leave tls on')
  const tls = asked === 'on' || outside !== undefined || files === 3
  if (tls && files === 0 && secret === undefined) {
    const why = outside === undefined ? 'tls=on' : `${shown(outside)}, which is no loopback address,`
    throw new StoreConfigError(`${why} needs a secret of ${SECRET_LENGTH_MIN} characters or more, or certificates`)
  }
  const certificates = ca && cert && key ? { ca, cert, key } : undefined
  return { tls, certificates }
}
