/**
 * Applies a snapshot to the pool. The snapshot was checked when it was computed, so this can't fail. An upstream is kept, with its
 * connections and standing, as long as its URL is in the snapshot, also under another name.
 *
 * An upstream that leaves is drained: it gets no new requests, clients that are pinned to it move, WebSockets are told to reconnect, and
 * its requests end, or are cut at the deadline. If another upstream takes its name, it leaves the pool at once, and finishes its
 * requests outside of it.
 */
import type { Retirement, Snapshot, Source } from './desired-state.ts'
import type { Pool } from './pool.ts'
import type { Upstream } from './upstream.ts'

export interface MembershipOptions {
  readonly pool: Pick<Pool, 'upstreams' | 'add' | 'rename' | 'retire' | 'resume' | 'remove'>
  readonly now: () => number
  /** An upstream that was to leave is gone from here. `since`: the version in which it began to leave. */
  readonly departed: (url: string, since: number) => void
}

interface Retiring extends Retirement {
  readonly endsAtMs: number
  readonly isOutside: boolean
}

const IDLE_CHECK_MS = 20

export class Membership {
  readonly #options: MembershipOptions
  readonly #sources = new Map<string, Source>()
  /** Retirements whose deadline has not passed. */
  readonly #watched = new Map<Upstream, Retiring>()
  /** The retirement of each leaving upstream of the pool, also once it has no request in flight. */
  readonly #retired = new Map<Upstream, Retirement>()
  #version = -1
  #timer: NodeJS.Timeout | undefined

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  get version(): number {
    return this.#version
  }

  sourceOf({ url }: Upstream): Source {
    return this.#sources.get(url) ?? 'config'
  }

  /** Takes effect at once. Resolves when upstreams that are new have been probed. A snapshot that is older than the last is ignored. */
  async apply({ version, upstreams: desired }: Snapshot): Promise<void> {
    if (version < this.#version) return
    this.#version = version
    const { pool } = this.#options
    const byUrl = new Map(desired.map((each) => [each.url, each]))
    const names = new Set(desired.filter((each) => each.retirement?.removes !== true).map(({ name }) => name))

    for (const upstream of pool.upstreams.slice()) {
      const each = byUrl.get(upstream.url)
      const leaving = each === undefined ? AT_ONCE : each.retirement
      if (leaving?.removes === true && (each === undefined || names.has(each.name)))
        this.#takeOutside(upstream, leaving)
    }
    pool.rename(new Map(pool.upstreams.map((each) => [each, byUrl.get(each.url)?.name ?? each.name])))
    this.#sources.clear()
    const arriving: Promise<void>[] = []
    const absent: [url: string, since: number][] = []
    for (const each of desired) {
      const { url, source, retirement } = each
      const upstream = pool.upstreams.find((member) => member.url === url)
      if (upstream !== undefined) {
        this.#sources.set(url, source)
        upstream.weight = each.weight
        this.#retire(upstream, retirement)
      } else if (retirement?.removes !== true) {
        this.#sources.set(url, source)
        const { added, probed } = pool.add(each)
        arriving.push(probed)
        this.#retire(added, retirement)
      } else if (!this.#isOutside(url, retirement.since)) {
        absent.push([url, retirement.since])
      }
    }
    for (const [url, since] of absent) this.#options.departed(url, since)
    this.check()
    await Promise.all(arriving)
  }

  /** Checks whether retiring upstreams have finished or are past their deadline. */
  check(): void {
    const nowMs = this.#options.now()
    for (const [upstream, retiring] of this.#watched) {
      const isIdle = upstream.inFlight === 0 && upstream.tunnels === 0
      if (!isIdle && nowMs < retiring.endsAtMs) continue
      this.#watched.delete(upstream)
      if (!retiring.removes) {
        if (!isIdle) cut(upstream)
        continue
      }
      if (!retiring.isOutside) this.#remove(upstream)
      cut(upstream)
      this.#options.departed(upstream.url, retiring.since)
    }
    if (this.#watched.size === 0) this.close()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #retire(upstream: Upstream, retirement: Retirement | undefined): void {
    const before = this.#retired.get(upstream)
    if (before?.since === retirement?.since) return
    this.#watched.delete(upstream)
    if (retirement === undefined) {
      this.#retired.delete(upstream)
      return this.#options.pool.resume(upstream)
    }
    this.#retired.set(upstream, retirement)
    this.#options.pool.retire(upstream)
    this.#watch(upstream, retirement, false)
  }

  #takeOutside(upstream: Upstream, retirement: Retirement): void {
    const watched = this.#watched.get(upstream)
    this.#remove(upstream)
    if (watched?.since === retirement.since) this.#watched.set(upstream, { ...watched, isOutside: true })
    else this.#watch(upstream, retirement, true)
  }

  #remove(upstream: Upstream): void {
    this.#retired.delete(upstream)
    this.#options.pool.remove(upstream)
  }

  #watch(upstream: Upstream, retirement: Retirement, isOutside: boolean): void {
    this.#watched.set(upstream, { ...retirement, isOutside, endsAtMs: this.#options.now() + retirement.withinMs })
    this.#timer ??= setInterval(() => this.check(), IDLE_CHECK_MS).unref()
  }

  #isOutside(url: string, since: number): boolean {
    return [...this.#watched].some(([upstream, each]) => each.isOutside && each.since === since && upstream.url === url)
  }
}

/** Its requests leave first, where they may: the agent opens another connection for each that waits for one and is still there. */
function cut(upstream: Upstream): void {
  upstream.lose('its time to finish is up')
  upstream.cut()
}

/** For an upstream that the snapshot lacks, which happens only once every process has removed it. */
const AT_ONCE: Retirement = { since: -1, withinMs: 0, removes: true }
