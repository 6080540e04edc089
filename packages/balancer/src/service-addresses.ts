/**
 * Upstreams that are found by a name: resolved again and again, each of its addresses is one. A name that can't be resolved, or has
 * no address, changes nothing: a name server that is down must not take the nodes along.
 */
import { lookup } from 'node:dns/promises'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Membership } from './membership.ts'
import { addressOf } from './upstream-list.ts'
import type { UpstreamService } from './upstream-list.ts'

export type Resolve = (hostname: string) => Promise<readonly string[]>

export interface ServiceAddresses {
  /** Resolves when each name was asked for once, and what was found was probed. */
  open(): Promise<void>
  /** Asks now, as when the names are others. */
  refresh(): Promise<void>
  close(): void
}

export interface ServiceAddressesOptions {
  /** Read whenever names are resolved, so that a change of it holds from the next time on. */
  readonly config: Pick<Config, 'services' | 'dnsIntervalMs' | 'upstreamDrainMs'>
  readonly membership: Pick<Membership, 'reconcile'>
  readonly resolve: Resolve
  readonly log: Logger
}

/** What the operating system says, hosts file included. A machine with both kinds of address is one upstream, so IPv4 if there is any. */
export async function systemResolve(hostname: string): Promise<readonly string[]> {
  const found = await lookup(hostname, { all: true })
  const family = found.some((each) => each.family === 4) ? 4 : 6
  return found.filter((each) => each.family === family).map(({ address }) => address)
}

export function serviceAddresses({ config, membership, resolve, log }: ServiceAddressesOptions): ServiceAddresses {
  let timer: NodeJS.Timeout | undefined
  let closed = false
  /** By name, what went wrong the last time, to be told once. */
  const troubles = new Map<string, string>()
  let known: readonly string[] = []

  async function lookUp(service: UpstreamService): Promise<void> {
    const { name, hostname } = service
    const found = await resolve(hostname).catch((error: NodeJS.ErrnoException) => error.code ?? error.message)
    if (closed) return
    const trouble = typeof found === 'string' ? found : found.length === 0 ? 'no address' : undefined
    if (trouble !== undefined && troubles.get(name) !== trouble) {
      log.warn({ event: 'name-unresolved', service: name, hostname, reason: trouble })
    }
    if (typeof found === 'string' || found.length === 0) return void troubles.set(name, trouble ?? '')
    troubles.delete(name)
    const addresses = [...new Set(found)].sort().map((address) => addressOf(service, address))
    await membership.reconcile(addresses, `dns:${name}`, config.upstreamDrainMs)
  }

  async function lookUpAll(): Promise<void> {
    const names = config.services.map(({ name }) => name)
    const dropped = known.filter((name) => !names.includes(name))
    known = names
    await Promise.all([
      ...config.services.map(lookUp),
      ...dropped.map((name) => membership.reconcile([], `dns:${name}`, config.upstreamDrainMs)),
    ])
  }

  function schedule(): void {
    if (closed) return
    timer = setTimeout(() => {
      lookUpAll()
        .catch((error: Error) => log.error({ error: error.message }, 'upstreams from names failed'))
        .finally(schedule)
    }, config.dnsIntervalMs)
  }

  async function askAndSchedule(): Promise<void> {
    clearTimeout(timer)
    await lookUpAll()
    clearTimeout(timer)
    schedule()
  }

  return {
    open: askAndSchedule,
    refresh: askAndSchedule,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
