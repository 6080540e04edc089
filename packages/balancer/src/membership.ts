/**
 * Who is among the upstreams, while it runs: named in the configuration, found by a name's addresses, or said to the admin API.
 * Each source speaks only of its own. An upstream that leaves is drained: nothing new goes there, clients that were pinned
 * to it move, WebSockets are told to come back, and what is under way ends, or is cut when its time is up.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from './pool.ts'
import type { UpstreamAddress } from './upstream-list.ts'
import type { Upstream } from './upstream.ts'

export type Source = 'config' | 'admin' | `dns:${string}`

export type OperationFault = 'INVALID' | 'NOT_FOUND' | 'NAME_TAKEN' | 'NOT_SUPPORTED'

/** What was asked for can't be done. */
export class OperationError extends Error {
  readonly code: OperationFault

  constructor(code: OperationFault, message: string) {
    super(message)
    this.name = 'OperationError'
    this.code = code
  }
}

const IDLE_CHECK_MS = 20

/** One drain of an upstream. A later one replaces it, and a resumption ends it: then its deadline counts no more. */
interface Drain {
  /** Whether the upstream is removed at the end. */
  readonly removes: boolean
}

export class Membership {
  readonly #pool: Pool
  readonly #now: () => number
  readonly #sources = new Map<Upstream, Source>()
  /** The drain under way at each upstream that drains. */
  readonly #drains = new Map<Upstream, Drain>()

  constructor(pool: Pool, now: () => number) {
    this.#pool = pool
    this.#now = now
    for (const upstream of pool.upstreams) this.#sources.set(upstream, 'config')
  }

  sourceOf(upstream: Upstream): Source {
    return this.#sources.get(upstream) ?? 'config'
  }

  /** Resolves when it has been probed. */
  async add(address: UpstreamAddress, source: Source): Promise<void> {
    if (this.#pool.upstreams.some(({ name, url }) => name === address.name || url === address.url)) {
      throw new OperationError('NAME_TAKEN', `There is an upstream ${address.name}, or one at ${address.url}.`)
    }
    // The pool has it from here on, and who else asks for its name meets it.
    const probed = this.#pool.add(address)
    const added = this.#pool.upstreams.at(-1)
    if (added !== undefined) this.#sources.set(added, source)
    await probed
  }

  weigh(name: string, weight: number): void {
    this.#named(name).weight = weight
  }

  /**
   * Nothing new goes there, and what is left after `withinMs` is cut. A later drain replaces this one, with its own time; the drain of
   * an upstream that is being removed goes on removing it. Resolves when the drain is over or was replaced. Throws OperationError
   * at once.
   */
  drain(name: string, withinMs: number): Promise<void> {
    const upstream = this.#named(name)
    return this.#drain(upstream, withinMs, { removes: this.#drains.get(upstream)?.removes === true })
  }

  resume(name: string): void {
    this.#resume(this.#named(name))
  }

  /** Drains it, and then it is gone, unless it was resumed meanwhile. */
  remove(name: string, withinMs: number): Promise<void> {
    return this.#drain(this.#named(name), withinMs, { removes: true })
  }

  /** From now on these, and no others, come from this source. */
  async reconcile(addresses: readonly UpstreamAddress[], source: Source, withinMs: number): Promise<void> {
    const wanted = new Map(addresses.map((address) => [address.name, address]))
    const coming: UpstreamAddress[] = []
    for (const upstream of this.#pool.upstreams.filter((each) => this.#sources.get(each) === source)) {
      const address = wanted.get(upstream.name)
      if (address === undefined) this.#leave(upstream, withinMs)
      else if (address.url === upstream.url) this.#keep(upstream, address)
      else void this.#replace(upstream, withinMs)
    }
    for (const address of addresses) {
      if (!this.#pool.upstreams.some(({ name }) => name === address.name)) coming.push(address)
    }
    await Promise.all(coming.map((address) => this.add(address, source)))
  }

  async #drain(upstream: Upstream, withinMs: number, drain: Drain): Promise<void> {
    this.#drains.set(upstream, drain)
    this.#pool.retire(upstream)
    const isCurrent = () => this.#drains.get(upstream) === drain
    const isIdle = await this.#idle(upstream, withinMs, isCurrent)
    if (!isCurrent()) return
    this.#drains.delete(upstream)
    if (drain.removes) this.#takeOut(upstream).close()
    else if (!isIdle) upstream.cut()
  }

  /** The sources are asked again and again: a removal that is under way keeps its deadline. */
  #leave(upstream: Upstream, withinMs: number): void {
    if (this.#drains.get(upstream)?.removes !== true) void this.#drain(upstream, withinMs, { removes: true })
  }

  #resume(upstream: Upstream): void {
    this.#drains.delete(upstream)
    this.#pool.resume(upstream)
  }

  #keep(upstream: Upstream, { weight = 1 }: UpstreamAddress): void {
    upstream.weight = weight
    if (this.#drains.get(upstream)?.removes === true) this.#resume(upstream)
  }

  /** Another takes its name at once; this one finishes what it has. */
  async #replace(upstream: Upstream, withinMs: number): Promise<void> {
    this.#takeOut(upstream)
    await this.#idle(upstream, withinMs, () => true)
    upstream.close()
  }

  #takeOut(upstream: Upstream): Upstream {
    this.#drains.delete(upstream)
    this.#sources.delete(upstream)
    this.#pool.remove(upstream)
    return upstream
  }

  /** Resolves whether nothing is under way there, as soon as that is so, the time is up or nothing waits for it any more. */
  async #idle(upstream: Upstream, withinMs: number, isAwaited: () => boolean): Promise<boolean> {
    const endMs = this.#now() + withinMs
    while (upstream.inFlight > 0 || upstream.tunnels > 0) {
      if (this.#now() >= endMs || !isAwaited()) return false
      await sleep(IDLE_CHECK_MS, undefined, { ref: false })
    }
    return true
  }

  #named(name: string): Upstream {
    const upstream = this.#pool.upstreams.find((each) => each.name === name)
    if (upstream !== undefined) return upstream
    throw new OperationError('NOT_FOUND', `There is no upstream ${name}.`)
  }
}
