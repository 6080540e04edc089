/**
 * Which upstreams there should be, as a value: those of the configuration, the addresses of names, the changes of operators. Every change
 * computes a whole new state, or throws and changes nothing. Nothing here connects or waits.
 *
 * An upstream is identified by its URL; its name, weight and source are attributes that may change. So an address that several
 * sources lead to is one upstream, named by the first of them: the configuration, then the admin API, then the names that are
 * resolved, in the order of UPSTREAMS.
 */
import { isDeepStrictEqual } from 'node:util'
import { OperationError } from './change.ts'
import type { Change } from './change.ts'
import { addressOf, upstreamList, UPSTREAM_TAKES } from '../config/upstream-list.ts'
import type { UpstreamAddress, UpstreamList, UpstreamService } from '../config/upstream-list.ts'

export type Source = 'config' | 'admin' | `dns:${string}`

/** It gets no new requests. */
export interface Retirement {
  /** The version in which it began. One that is begun again is another, with a deadline of its own. */
  readonly since: number
  /** How long its requests in flight may go on. */
  readonly withinMs: number
  /** Whether the upstream is removed once it has no request in flight. */
  readonly removes: boolean
}

export interface DesiredUpstream extends UpstreamAddress {
  readonly weight: number
  readonly source: Source
  readonly retirement: Retirement | undefined
}

/** What a process needs for routing. Names are unique among the upstreams that don't leave. */
export interface Snapshot {
  readonly version: number
  readonly upstreams: readonly DesiredUpstream[]
}

/** An upstream that a source asks for, and that is left out because another one has its name. */
export interface NameConflict {
  readonly name: string
  readonly url: string
  readonly takenBy: string
}

export interface DesiredState extends Snapshot {
  readonly configured: readonly UpstreamAddress[]
  readonly services: readonly UpstreamService[]
  readonly added: readonly UpstreamAddress[]
  /** The addresses of each hostname, as last resolved. A hostname that was never resolved is absent. */
  readonly found: ReadonlyMap<string, readonly string[]>
  /** Weights that an operator set, by URL. */
  readonly weights: ReadonlyMap<string, number>
  /**
   * URLs that an operator removed, whatever the configuration lists and names resolve to. A reload forgets them; so does the
   * next resolution, for those that it finds.
   */
  readonly removed: ReadonlySet<string>
  readonly conflicts: readonly NameConflict[]
}

type Inputs = Pick<DesiredState, 'configured' | 'services' | 'added' | 'found' | 'weights' | 'removed'>

const EMPTY: DesiredState = {
  version: 0,
  upstreams: [],
  configured: [],
  services: [],
  added: [],
  found: new Map(),
  weights: new Map(),
  removed: new Set(),
  conflicts: [],
}

export function initialState(list: UpstreamList): DesiredState {
  return withConfiguration(EMPTY, list, new Map(), 0)
}

/**
 * The configuration was read again, and hostnames that are new in it were resolved. Drains and what the admin API added stay;
 * removals and weights set there are forgotten.
 */
export function withConfiguration(
  before: DesiredState,
  list: UpstreamList,
  resolved: ReadonlyMap<string, readonly string[]>,
  withinMs: number,
): DesiredState {
  const { addresses: configured, services } = list
  const hostnames = new Set(services.map(({ hostname }) => hostname))
  const found = new Map([...before.found, ...resolved].filter(([hostname]) => hostnames.has(hostname)))
  const removed = new Set<string>()
  const listed = new Set(
    wanted({ ...before, configured, services, found, removed, added: [] }).map(({ address }) => address.url),
  )
  const weights = new Map([...before.weights].filter(([url]) => !listed.has(url)))
  return settled(before, { configured, services, found, removed, weights }, withinMs)
}

/** A hostname was resolved. */
export function withFound(
  before: DesiredState,
  hostname: string,
  addresses: readonly string[],
  withinMs: number,
): DesiredState {
  const services = before.services.filter((service) => service.hostname === hostname)
  if (services.length === 0) return before
  const found = new Map(before.found).set(hostname, addresses)
  const urls = new Set(services.flatMap((service) => addresses.map((address) => addressOf(service, address).url)))
  const removed = new Set([...before.removed].filter((url) => !urls.has(url)))
  return settled(before, { found, removed }, withinMs)
}

/** What an operator asked for. Throws OperationError. */
export function withChange(before: DesiredState, change: Change, drainMs: number): DesiredState {
  if (change.do === 'add') return withAdded(before, addressIn(change.upstream), drainMs)
  const upstream = named(before, change.name)
  const { url, retirement } = upstream
  switch (change.do) {
    case 'weigh':
      return settled(before, { weights: new Map(before.weights).set(url, change.weight) }, drainMs)
    case 'drain': {
      const withinMs = change.withinMs ?? drainMs
      return retiring(before, url, { since: before.version + 1, withinMs, removes: retirement?.removes === true })
    }
    case 'remove': {
      const withinMs = change.withinMs ?? drainMs
      const without = settled(
        before,
        { ...withoutUrl(before, url), removed: new Set(before.removed).add(url) },
        withinMs,
      )
      return retiring(without, url, { since: before.version + 1, withinMs, removes: true })
    }
    case 'resume': {
      const serving = retiring(before, url, undefined)
      const removed = new Set([...before.removed].filter((each) => each !== url))
      const isWanted = wanted({ ...before, removed }).some(({ address }) => address.url === url)
      return settled(
        serving,
        isWanted ? { removed } : { removed, added: [...before.added, addressOnly(upstream)] },
        drainMs,
      )
    }
  }
}

/** Every process has taken it out. */
export function withoutDeparted(before: DesiredState, url: string, since: number): DesiredState {
  const upstreams = before.upstreams.filter(
    (each) => each.url !== url || each.retirement?.removes !== true || each.retirement.since !== since,
  )
  return upstreams.length === before.upstreams.length ? before : { ...before, upstreams, version: before.version + 1 }
}

function withAdded(before: DesiredState, address: UpstreamAddress, drainMs: number): DesiredState {
  const { name, url } = address
  const other = before.upstreams.find(
    (each) => each.retirement?.removes !== true && (each.name === name || each.url === url),
  )
  if (other !== undefined) {
    throw new OperationError(
      'NAME_TAKEN',
      `There is an upstream ${other.name} at ${other.url}; each name and address is there once.`,
    )
  }
  const { added, weights } = withoutUrl(before, url)
  return settled(before, { added: [...added, address], weights }, drainMs)
}

/** Throws OperationError unless it is the address of one upstream. */
function addressIn(text: string): UpstreamAddress {
  const [address, another] = upstreamList(text)?.addresses ?? []
  if (address !== undefined && another === undefined) return address
  throw new OperationError('INVALID', `An upstream is ${UPSTREAM_TAKES}; here one at a time, and no dns.`)
}

/** Without what the admin API added, or set, for this URL. */
function withoutUrl(before: DesiredState, url: string): Pick<Inputs, 'added' | 'weights'> {
  return {
    added: before.added.filter((each) => each.url !== url),
    weights: new Map([...before.weights].filter(([each]) => each !== url)),
  }
}

interface Wanted {
  readonly address: UpstreamAddress
  readonly source: Source
}

/** All that the sources ask for, in the order in which they may choose a name. */
function wanted({ configured, added, services, found, removed }: Inputs): readonly Wanted[] {
  const all: Wanted[] = []
  const ask = (source: Source, addresses: readonly UpstreamAddress[]) => {
    for (const address of addresses) if (source === 'admin' || !removed.has(address.url)) all.push({ address, source })
  }
  ask('config', configured)
  ask('admin', added)
  for (const service of services) {
    const addresses = found.get(service.hostname) ?? []
    ask(
      `dns:${service.name}`,
      addresses.map((address) => addressOf(service, address)),
    )
  }
  return all
}

/** The state for other inputs. Upstreams that are no longer wanted leave within `withinMs`; those wanted again stay. */
function settled(before: DesiredState, changed: Partial<Inputs>, withinMs: number): DesiredState {
  const inputs: Inputs = { ...before, ...changed }
  const version = before.version + 1
  const earlier = new Map(before.upstreams.map((each) => [each.url, each]))
  const chosen = new Map<string, DesiredUpstream>()
  const urlByName = new Map<string, string>()
  const conflicts: NameConflict[] = []
  for (const { address, source } of wanted(inputs)) {
    const { name, url, hostname, port, weight = 1 } = address
    if (chosen.has(url)) continue
    const takenBy = urlByName.get(name)
    if (takenBy !== undefined) {
      conflicts.push({ name, url, takenBy })
      continue
    }
    const retirement = earlier.get(url)?.retirement
    urlByName.set(name, url)
    chosen.set(url, {
      name,
      url,
      hostname,
      port,
      source,
      weight: inputs.weights.get(url) ?? weight,
      retirement: retirement?.removes === false ? retirement : undefined,
    })
  }
  const upstreams = [...chosen.values()]
  for (const each of before.upstreams) {
    if (chosen.has(each.url)) continue
    const leaves: Retirement = { since: version, withinMs, removes: true }
    upstreams.push(each.retirement?.removes === true ? each : { ...each, retirement: leaves })
  }
  const rest = { ...inputs, ...pruned(inputs, upstreams), conflicts }
  if (isDeepStrictEqual(upstreams, before.upstreams)) return { ...before, ...rest }
  return { ...before, ...rest, version, upstreams }
}

/** Drops entries of upstreams that no source asks for any more, so that they don't pile up. */
function pruned(inputs: Inputs, upstreams: readonly DesiredUpstream[]): Pick<Inputs, 'removed' | 'weights'> {
  const there = new Set(upstreams.map(({ url }) => url))
  const listed = new Set(wanted({ ...inputs, added: [], removed: new Set() }).map(({ address }) => address.url))
  return {
    removed: new Set([...inputs.removed].filter((url) => listed.has(url))),
    weights: new Map([...inputs.weights].filter(([url]) => there.has(url))),
  }
}

function retiring(before: DesiredState, url: string, retirement: Retirement | undefined): DesiredState {
  const upstreams = before.upstreams.map((each) => (each.url === url ? { ...each, retirement } : each))
  return { ...before, upstreams, version: before.version + 1 }
}

/** Prefers one that stays to one that leaves, whose name another may have. */
function named(state: DesiredState, name: string): DesiredUpstream {
  const all = state.upstreams.filter((each) => each.name === name)
  const found = all.find(({ retirement }) => retirement?.removes !== true) ?? all.at(-1)
  if (found === undefined) throw new OperationError('NOT_FOUND', `There is no upstream ${name}.`)
  return found
}

function addressOnly({ name, url, hostname, port, weight }: DesiredUpstream): UpstreamAddress {
  return { name, url, hostname, port, weight }
}
