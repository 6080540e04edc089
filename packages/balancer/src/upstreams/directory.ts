/**
 * Decides which upstreams there are: it holds the desired state, resolves names periodically, and publishes each new version to what
 * routes requests, in this process or in workers. Every refusal happens here, before anything changes.
 */
import type { Logger } from 'pino'
import { ConfigError } from '../config/config-values.ts'
import type { Config } from '../config/config.ts'
import { initialState, withChange, withConfiguration, withFound, withoutDeparted } from './desired-state.ts'
import type { DesiredState, DesiredUpstream, NameConflict, Snapshot } from './desired-state.ts'
import { OperationError } from './change.ts'
import type { Change } from './change.ts'
import { resolver } from './resolver.ts'
import type { Resolution, Resolve } from './resolver.ts'

export interface DirectoryOptions {
  /** The present configuration, which a reload may change. */
  readonly config: () => Pick<Config, 'upstreams' | 'services' | 'dnsIntervalMs' | 'upstreamDrainMs'>
  readonly resolve: Resolve
  readonly log: Logger
  /** Takes effect before it returns, except for what is still to be probed; resolves when that is done. Must not fail. */
  readonly publish: (snapshot: Snapshot) => Promise<void>
}

/** A valid configuration. */
export interface PreparedConfiguration {
  /** Throws ConfigError, and changes nothing, if it conflicts with what operators have added meanwhile. */
  check(): void
  /** Resolves when upstreams that are new have been probed. */
  commit(): Promise<void>
}

export class Directory {
  readonly #options: DirectoryOptions
  readonly #resolve: (hostname: string) => Promise<Resolution>
  /** What went wrong the last time, by hostname, so that it is logged once. */
  readonly #troubles = new Map<string, string>()
  #state: DesiredState
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: DirectoryOptions) {
    const { upstreams: addresses, services } = options.config()
    this.#options = options
    this.#resolve = resolver(options.resolve)
    this.#state = initialState({ addresses, services })
  }

  get snapshot(): Snapshot {
    const { version, upstreams } = this.#state
    return { version, upstreams }
  }

  /** Resolves when each name was resolved once. The addresses are in the snapshot; nothing is published yet. */
  async open(): Promise<void> {
    for (const resolution of await this.#resolveAll()) this.#state = this.#take(resolution)
    this.#schedule()
  }

  /** Resolves each name now. Resolves when upstreams that are new have been probed. */
  async refresh(): Promise<void> {
    for (const resolution of await this.#resolveAll()) {
      if (this.#isClosed) return
      await this.#become(this.#take(resolution))
    }
  }

  /** Rejects with OperationError. */
  async change(change: Change): Promise<void> {
    const state = withChange(this.#state, change, this.#options.config().upstreamDrainMs)
    const [conflict] = newConflicts(this.#state, state)
    if (conflict !== undefined) {
      throw new OperationError(
        'NAME_TAKEN',
        `${conflict.name} is the name of ${conflict.takenBy} and of ${conflict.url}.`,
      )
    }
    await this.#become(state)
  }

  /** Rejects with ConfigError. */
  async prepare(next: Pick<Config, 'upstreams' | 'services' | 'upstreamDrainMs'>): Promise<PreparedConfiguration> {
    const known = new Set(this.#state.services.map(({ hostname }) => hostname))
    const hostnames = new Set(next.services.map(({ hostname }) => hostname).filter((hostname) => !known.has(hostname)))
    const resolutions = await Promise.all([...hostnames].map((hostname) => this.#resolve(hostname)))
    const faults = resolutions.flatMap((resolution) => ('trouble' in resolution ? [unresolved(resolution)] : []))
    if (faults.length > 0) throw new ConfigError(faults)
    const resolved = new Map(
      resolutions.flatMap((each) => ('addresses' in each ? [[each.hostname, each.addresses]] : [])),
    )
    const list = { addresses: next.upstreams, services: next.services }
    const candidate = (): DesiredState => {
      const state = withConfiguration(this.#state, list, resolved, next.upstreamDrainMs)
      const conflicts = newConflicts(this.#state, state)
      if (conflicts.length > 0) throw new ConfigError(conflicts.map(conflictFault))
      if (!state.upstreams.some(stays) && this.#state.upstreams.some(stays)) throw new ConfigError([NO_UPSTREAM])
      return state
    }
    return {
      check: () => void candidate(),
      commit: () => {
        const state = candidate()
        // Settings are part of a version, so a reload makes one even where it leaves the upstreams alone.
        const becoming = this.#become({ ...state, version: Math.max(state.version, this.#state.version + 1) })
        this.#schedule()
        return becoming
      },
    }
  }

  /** Every process has removed it. */
  departed(url: string, since: number): void {
    void this.#become(withoutDeparted(this.#state, url, since))
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  async #become(state: DesiredState): Promise<void> {
    const before = this.#state
    this.#state = state
    for (const { name, url, takenBy } of newConflicts(before, state)) {
      this.#options.log.warn({ event: 'upstream-name-taken', upstream: name, url, takenBy })
    }
    if (state.version !== before.version) await this.#options.publish(this.snapshot)
  }

  #resolveAll(): Promise<Resolution[]> {
    const hostnames = new Set(this.#state.services.map(({ hostname }) => hostname))
    return Promise.all([...hostnames].map((hostname) => this.#resolve(hostname)))
  }

  /** A name that can't be resolved, or has no address, changes nothing: a dead name server must not remove nodes. */
  #take(resolution: Resolution): DesiredState {
    const { hostname } = resolution
    if ('addresses' in resolution) {
      this.#troubles.delete(hostname)
      return withFound(this.#state, hostname, resolution.addresses, this.#options.config().upstreamDrainMs)
    }
    const { trouble: reason } = resolution
    if (this.#troubles.get(hostname) !== reason) {
      const services = this.#state.services.filter((each) => each.hostname === hostname)
      for (const { name: service } of services) {
        this.#options.log.warn({ event: 'name-unresolved', service, hostname, reason })
      }
    }
    this.#troubles.set(hostname, reason)
    return this.#state
  }

  /** One timer, whatever else happens: it is set anew after each poll and by each reload. */
  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.#poll(), this.#options.config().dnsIntervalMs)
  }

  async #poll(): Promise<void> {
    try {
      await this.refresh()
    } catch (error) {
      this.#options.log.error({ error: (error as Error).message }, 'resolving names failed')
    } finally {
      this.#schedule()
    }
  }
}

function newConflicts(before: DesiredState, after: DesiredState): readonly NameConflict[] {
  return after.conflicts.filter(
    ({ name, url }) => !before.conflicts.some((each) => each.name === name && each.url === url),
  )
}

const NO_UPSTREAM = {
  key: 'UPSTREAMS',
  message:
    'UPSTREAMS leads to no upstream, since none of its names has been resolved, but takes what leads to one at least.',
}

function stays({ retirement }: DesiredUpstream): boolean {
  return retirement?.removes !== true
}

function unresolved({ hostname, trouble }: { readonly hostname: string; readonly trouble: string }) {
  return {
    key: 'UPSTREAMS',
    message: `UPSTREAMS has the name ${hostname}, which can't be resolved (${trouble}), but takes names that have an address.`,
  }
}

function conflictFault({ name, url, takenBy }: NameConflict) {
  return {
    key: 'UPSTREAMS',
    message: `UPSTREAMS leads to two upstreams of the name ${name}, ${takenBy} and ${url}, but takes each name once, those found by names and added by the admin API included.`,
  }
}
