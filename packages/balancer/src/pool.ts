/**
 * The upstreams and what is known of each: a detector fed by a prober and by what requests met there. Says what changes.
 * Upstreams come and go while it runs. One that came gets nothing before a probe found it ready, and one that is being
 * retired gets nothing new whatever its probes say.
 */
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { controlConnection } from './control-connection.ts'
import type { ControlConnection } from './control-connection.ts'
import { detector } from './health.ts'
import type { Detector, HealthChange, ProbeOutcome, Standing } from './health.ts'
import { agreedRoutes, sharedRoutes } from './keyed-routes.ts'
import type { KeyedRoutes } from './keyed-routes.ts'
import type { Metrics } from './metrics.ts'
import { prober } from './prober.ts'
import type { Prober } from './prober.ts'
import type { UpstreamAddress } from './upstream-list.ts'
import { Upstream } from './upstream.ts'

/** One that is down is asked more often, to be back the sooner. */
const DOWN_INTERVAL_SHARE = 0.4

/** `gone`: it is no longer one of the upstreams. */
export type PoolListener = (upstream: Upstream, to: Standing | 'gone') => void

export interface Pool {
  readonly upstreams: readonly Upstream[]
  /** Where every upstream that is not down honours keys, if they all say the same. */
  readonly keyedRoutes: KeyedRoutes | undefined
  /** Whether another than this one is up, and nothing speaks against it. */
  hasOther(upstream: Upstream | undefined): boolean
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
  /** There is one more that nothing speaks against. */
  readonly usable: () => void
}

interface Member {
  readonly detector: Detector
  readonly prober: Prober
  readonly control: ControlConnection
  retired: boolean
}

/** Reads `config` whenever it needs a bound, so that a change of it holds at once. */
export function pool(config: Config, options: PoolOptions): Pool {
  return new UpstreamPool(config, options)
}

class UpstreamPool implements Pool {
  readonly upstreams: Upstream[] = []
  keyedRoutes: KeyedRoutes | undefined
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
    for (const [{ standing }, { control }] of this.#members) if (standing !== 'down') control.open()
  }

  hasOther(upstream: Upstream | undefined): boolean {
    return this.upstreams.some((other) => other !== upstream && other.isTrusted)
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
    if (member.detector.failing) member.detector.refused('was never ready', this.#options.now())
    if (member.detector.standing !== 'down') member.control.open()
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
    member.control.close()
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
    for (const [upstream, { prober, control }] of this.#members) {
      prober.close()
      control.close()
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
      this.#hear(upstream, outcome)
      this.#apply(upstream, health.probed(outcome, startedAtMs, now()))
      this.#trust(upstream, health)
    }
    const asking = prober({
      hostname,
      port,
      random,
      now,
      probed,
      late: () => this.#apply(upstream, health.late('a probe is late')),
      get lateMs() {
        return config.suspectMs
      },
      get intervalMs() {
        return upstream.standing === 'down' ? config.probeIntervalMs * DOWN_INTERVAL_SHARE : config.probeIntervalMs
      },
      get timeoutMs() {
        return config.probeTimeoutMs
      },
    })
    const lost = (reason: string) => this.refused(upstream, reason)
    const control = controlConnection({
      hostname,
      port,
      now,
      lost,
      get connectTimeoutMs() {
        return config.connectTimeoutMs
      },
    })
    const member = { detector: health, prober: asking, control, retired: false }
    this.#members.set(upstream, member)
    this.upstreams.push(upstream)
    return member
  }

  /** What a node says of itself beside its being ready. */
  #hear(upstream: Upstream, outcome: ProbeOutcome): void {
    if (outcome.result !== 'ready') return
    upstream.incarnation = outcome.incarnation
    if (outcome.honoured === upstream.keyedRoutes?.text) return
    upstream.keyedRoutes = outcome.honoured === undefined ? undefined : sharedRoutes(outcome.honoured, this.upstreams)
    this.#settleKeys()
  }

  #settleKeys(): void {
    this.keyedRoutes = agreedRoutes(this.upstreams.filter(({ standing }) => standing !== 'down'))
  }

  #trust(upstream: Upstream, { suspected }: Detector): void {
    if (!upstream.suspected || suspected) return
    upstream.suspected = false
    if (upstream.standing === 'up') this.#usable(upstream)
  }

  /** Requests that wait for one, or are stuck at another that is not, may go there. */
  #usable(upstream: Upstream): void {
    this.#options.usable()
    for (const other of this.upstreams) {
      if (other !== upstream && !other.isTrusted && other.standing !== 'draining') {
        this.#lose(other, 'another is up')
      }
    }
  }

  /** What comes from the sockets themselves in this turn, be it an answer, is heard first. */
  #lose(upstream: Upstream, reason: string): void {
    if (upstream.holders.size === 0) return
    setImmediate(() => {
      for (const holder of upstream.holders) holder.lost(upstream, reason)
    })
  }

  #apply(upstream: Upstream, change: HealthChange | undefined): void {
    if (change === undefined) return
    const { log, metrics, now } = this.#options
    const { name, standing: before } = upstream
    switch (change.to) {
      case 'suspected':
        upstream.suspected = true
        metrics.suspected(name)
        log.info({ upstream: name, reason: change.reason }, 'upstream suspected')
        return this.#lose(upstream, change.reason)
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
    upstream.suspected = false
    this.#stand(upstream, change.to)
    const { control } = this.#members.get(upstream) ?? {}
    if (change.to !== 'down') control?.open()
    // One that drained is finishing what it has.
    else if (before === 'up') this.#lose(upstream, change.reason)
  }

  #stand(upstream: Upstream, to: Standing): void {
    upstream.standing = to === 'up' && this.#members.get(upstream)?.retired === true ? 'draining' : to
    this.#tell(upstream, upstream.standing)
    if (upstream.isTrusted) this.#usable(upstream)
  }

  #tell(upstream: Upstream, to: Standing | 'gone'): void {
    this.#settleKeys()
    for (const listener of this.#listeners) listener(upstream, to)
  }
}
