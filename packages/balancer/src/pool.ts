/**
 * The upstreams and what is known of each: a detector fed by a prober and by what requests met there. Says what changes.
 * Upstreams come and go while it runs. One that came gets nothing before a probe found it ready, and one that is being
 * retired gets nothing new whatever its probes say.
 */
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { detector } from './health.ts'
import type { Detector, HealthChange, ProbeOutcome, Standing } from './health.ts'
import type { Metrics } from './metrics.ts'
import { prober } from './prober.ts'
import type { Prober } from './prober.ts'
import type { UpstreamAddress } from './upstream-list.ts'
import { Upstream } from './upstream.ts'

/** `gone`: it is no longer one of the upstreams. */
export type PoolListener = (upstream: Upstream, to: Standing | 'gone') => void

export interface Pool {
  readonly upstreams: readonly Upstream[]
  /** Resolves when every upstream has been probed once. */
  open(): Promise<void>
  /** A request found nobody listening there: ejects at once. */
  refused(upstream: Upstream, reason: string): void
  /** A request went wrong there, which may be its own fault: a probe tells. */
  suspect(upstream: Upstream): void
  /** Resolves when it has been probed, and may have its share. */
  add(address: UpstreamAddress): Promise<Upstream>
  /** Nothing new goes there, until it is resumed. */
  retire(upstream: Upstream): void
  resume(upstream: Upstream): void
  /** It is none of the upstreams any more. What is under way there goes on until whoever removed it closes it. */
  remove(upstream: Upstream): void
  /** Other bounds, for those that are there and those that come. */
  configure(): void
  onChange(listener: PoolListener): void
  close(): void
}

export interface PoolOptions {
  readonly log: Logger
  readonly metrics: Metrics
  readonly now: () => number
  readonly random: () => number
  /** A request left there. */
  readonly room: (upstream: Upstream) => void
}

interface Member {
  readonly detector: Detector
  readonly prober: Prober
  retired: boolean
}

/** Reads `config` whenever it needs a bound, so that a change of it holds at once. */
export function pool(config: Config, options: PoolOptions): Pool {
  return new UpstreamPool(config, options)
}

class UpstreamPool implements Pool {
  readonly upstreams: Upstream[] = []
  readonly #members = new Map<Upstream, Member>()
  readonly #listeners: PoolListener[] = []
  readonly #config: Config
  readonly #options: PoolOptions

  constructor(config: Config, options: PoolOptions) {
    this.#config = config
    this.#options = options
    for (const address of config.upstreams) this.#join(new Upstream(address, config))
  }

  async open(): Promise<void> {
    await Promise.all([...this.#members.values()].map((member) => member.prober.open()))
  }

  refused(upstream: Upstream, reason: string): void {
    const change = this.#members.get(upstream)?.detector.refused(reason, this.#options.now())
    this.#apply(upstream, change)
  }

  suspect(upstream: Upstream): void {
    this.#members.get(upstream)?.prober.hurry()
  }

  async add(address: UpstreamAddress): Promise<Upstream> {
    const upstream = new Upstream(address, this.#config)
    upstream.standing = 'down'
    const member = this.#join(upstream)
    await member.prober.open()
    if (this.#members.get(upstream) !== member) return upstream
    upstream.warmUp(this.#options.now(), this.#config.slowStartMs)
    this.#options.log.info({ event: 'upstream-added', upstream: upstream.name, url: upstream.url })
    this.#stand(upstream, member.detector.standing)
    return upstream
  }

  retire(upstream: Upstream): void {
    const member = this.#members.get(upstream)
    if (member === undefined || member.retired) return
    member.retired = true
    this.#options.log.info({ event: 'upstream-draining', upstream: upstream.name })
    this.#stand(upstream, upstream.standing)
  }

  resume(upstream: Upstream): void {
    const member = this.#members.get(upstream)
    if (member?.retired !== true) return
    member.retired = false
    upstream.warmUp(this.#options.now(), this.#config.slowStartMs)
    this.#options.log.info({ event: 'upstream-resumed', upstream: upstream.name })
    this.#stand(upstream, member.detector.standing)
  }

  remove(upstream: Upstream): void {
    const member = this.#members.get(upstream)
    if (member === undefined) return
    member.prober.close()
    this.#members.delete(upstream)
    this.upstreams.splice(this.upstreams.indexOf(upstream), 1)
    upstream.standing = 'down'
    this.#options.log.info({ event: 'upstream-removed', upstream: upstream.name })
    this.#tell(upstream, 'gone')
  }

  configure(): void {
    for (const upstream of this.upstreams) upstream.limit(this.#config)
  }

  onChange(listener: PoolListener): void {
    this.#listeners.push(listener)
  }

  close(): void {
    for (const [upstream, { prober }] of this.#members) {
      prober.close()
      upstream.close()
    }
  }

  #join(upstream: Upstream): Member {
    const config = this.#config
    const { now, random } = this.#options
    const health = detector({
      get rise() {
        return config.probeRise
      },
      get fall() {
        return config.probeFall
      },
    })
    upstream.onRoom = this.#options.room
    const { hostname, port } = upstream.target
    const probed = (outcome: ProbeOutcome, startedAtMs: number) => {
      if (outcome.result === 'ready') upstream.incarnation = outcome.incarnation
      this.#apply(upstream, health.probed(outcome, startedAtMs, now()))
    }
    const asking = prober({
      hostname,
      port,
      random,
      now,
      probed,
      get intervalMs() {
        return config.probeIntervalMs
      },
      get timeoutMs() {
        return config.probeTimeoutMs
      },
    })
    const member = { detector: health, prober: asking, retired: false }
    this.#members.set(upstream, member)
    this.upstreams.push(upstream)
    return member
  }

  #apply(upstream: Upstream, change: HealthChange | undefined): void {
    if (change === undefined) return
    const { log, metrics, now } = this.#options
    const { name } = upstream
    switch (change.to) {
      case 'up':
        upstream.warmUp(now(), this.#config.slowStartMs)
        log.info({ event: 'upstream-readmitted', upstream: name, downForMs: Math.round(change.outForMs) })
        break
      case 'draining':
        log.info({ event: 'upstream-draining', upstream: name })
        break
      case 'down':
        upstream.closeIdle()
        metrics.ejected(name)
        log.warn({ event: 'upstream-ejected', upstream: name, reason: change.reason })
        break
      default:
        change satisfies never
    }
    this.#stand(upstream, change.to)
  }

  #stand(upstream: Upstream, to: Standing): void {
    upstream.standing = to === 'up' && this.#members.get(upstream)?.retired === true ? 'draining' : to
    this.#tell(upstream, upstream.standing)
  }

  #tell(upstream: Upstream, to: Standing | 'gone'): void {
    for (const listener of this.#listeners) listener(upstream, to)
  }
}
