/**
 * The upstreams, each with a failure detector that its prober and its requests feed. Reports changes. Upstreams come and go while it
 * runs: a new one gets no request before a probe found it ready, and one that retires gets no new request whatever its probes say.
 */
import type { Logger } from 'pino'
import type { Config } from '../config/config.ts'
import type { Detector, HealthChange, ProbeOutcome, Standing } from './health.ts'
import { agreedRoutes, sharedRoutes } from './keyed-routes.ts'
import type { KeyedRoutes } from './keyed-routes.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { UpstreamAddress } from '../config/upstream-list.ts'
import { ProbeClock } from './prober.ts'
import { upstreamWatch } from './upstream-watch.ts'
import type { UpstreamWatch } from './upstream-watch.ts'
import { Upstream } from './upstream.ts'

/** `gone`: it is no longer one of the upstreams. */
export type PoolListener = (upstream: Upstream, to: Standing | 'gone') => void

export interface Pool {
  readonly upstreams: readonly Upstream[]
  /** Where every upstream that is not down honours keys, if they all say the same. */
  readonly keyedRoutes: KeyedRoutes | undefined
  /** Whether any is up and not suspected. */
  hasEligible(): boolean
  /** Resolves when every upstream has been probed once. */
  open(): Promise<void>
  /** A request found that no process listens there: ejects at once. */
  refused(upstream: Upstream, reason: string): void
  /** A request went wrong there, which may be its own fault: a probe tells. */
  suspect(upstream: Upstream): void
  /** Whether it answers now, in the known incarnation of its node. */
  hasSurvived(upstream: Upstream): Promise<boolean>
  /** Before `open` it counts as up; later it gets no request before it has been probed. */
  add(address: UpstreamAddress): Arrival
  /** All at once, so that upstreams may exchange their names. Counts under the former names are dropped. */
  rename(names: ReadonlyMap<Upstream, string>): void
  /** It gets no new requests while another is up, until it is resumed. */
  retire(upstream: Upstream): void
  resume(upstream: Upstream): void
  /** Removes it. Its requests go on until the caller closes it. */
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
  /** Upstreams came or left, or their standing or limits changed: waiting requests may find a place. */
  readonly changed: () => void
  /** Replaces the watch of an upstream in tests. */
  readonly watch?: typeof upstreamWatch
}

export interface Arrival {
  readonly added: Upstream
  readonly probed: Promise<void>
}

/** Reads `config` whenever it needs a bound, so that a change of it holds at once. */
export function pool(config: Config, options: PoolOptions): Pool {
  return new UpstreamPool(config, options)
}

class UpstreamPool implements Pool {
  readonly upstreams: Upstream[] = []
  keyedRoutes: KeyedRoutes | undefined
  readonly #members = new Map<Upstream, UpstreamWatch>()
  readonly #listeners: PoolListener[] = []
  readonly #config: Config
  readonly #options: PoolOptions
  readonly #probeClock: ProbeClock
  #isOpen = false

  constructor(config: Config, options: PoolOptions) {
    this.#config = config
    this.#options = options
    this.#probeClock = new ProbeClock(options.now, options.random)
  }

  async open(): Promise<void> {
    this.#isOpen = true
    await Promise.all([...this.#members.values()].map((member) => member.prober.open()))
    for (const [{ standing }, { control }] of this.#members) if (standing !== 'down') control.open()
  }

  hasEligible(): boolean {
    return this.upstreams.some(({ isEligible }) => isEligible)
  }

  refused(upstream: Upstream, reason: string): void {
    const change = this.#members.get(upstream)?.detector.refused(reason, this.#options.now())
    this.#apply(upstream, change)
  }

  suspect(upstream: Upstream): void {
    this.#members.get(upstream)?.prober.hurry()
  }

  async hasSurvived(upstream: Upstream): Promise<boolean> {
    const { incarnation } = upstream
    const outcome = await this.#members.get(upstream)?.prober.ask()
    return (outcome?.result === 'ready' || outcome?.result === 'unready') && outcome.incarnation === incarnation
  }

  add(address: UpstreamAddress): Arrival {
    const added = new Upstream(address, this.#config)
    if (this.#isOpen) added.standing = 'down'
    const member = this.#join(added)
    return { added, probed: this.#isOpen ? this.#arrive(added, member) : Promise.resolve() }
  }

  rename(names: ReadonlyMap<Upstream, string>): void {
    const changes = [...names].filter(([upstream, name]) => upstream.name !== name)
    for (const [{ name }] of changes) this.#options.metrics.forget(name)
    for (const [upstream, name] of changes) {
      this.#options.log.info({ event: 'upstream-renamed', upstream: name, before: upstream.name, url: upstream.url })
      upstream.name = name
    }
    if (changes.length > 0) this.#options.changed()
  }

  retire(upstream: Upstream): void {
    const member = this.#members.get(upstream)
    if (member === undefined || upstream.isRetired) return
    upstream.isRetired = true
    this.#options.log.info({ event: 'upstream-draining', upstream: upstream.name })
    this.#stand(upstream, upstream.standing)
  }

  resume(upstream: Upstream): void {
    const member = this.#members.get(upstream)
    if (member === undefined || !upstream.isRetired) return
    upstream.isRetired = false
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
    upstream.isGone = true
    this.#options.log.info({ event: 'upstream-removed', upstream: upstream.name })
    this.#tell(upstream, 'gone')
  }

  configure(): void {
    for (const upstream of this.upstreams) upstream.limit(this.#config)
    this.#options.changed()
  }

  onChange(listener: PoolListener): void {
    this.#listeners.push(listener)
  }

  close(): void {
    for (const [upstream, { prober, control }] of this.#members) {
      prober.close()
      control.close()
      upstream.cut()
    }
  }

  async #arrive(upstream: Upstream, member: UpstreamWatch): Promise<void> {
    const { now, log } = this.#options
    await member.prober.open()
    if (this.#members.get(upstream) !== member) return
    if (member.detector.failing) member.detector.refused('was never ready', now())
    if (member.detector.standing !== 'down') member.control.open()
    upstream.warmUp(now(), this.#config.slowStartMs)
    log.info({ event: 'upstream-added', upstream: upstream.name, url: upstream.url })
    this.#stand(upstream, member.detector.standing)
  }

  #join(upstream: Upstream): UpstreamWatch {
    upstream.onRoom = this.#options.room
    const watch = (this.#options.watch ?? upstreamWatch)(upstream, this.#config, {
      now: this.#options.now,
      clock: this.#probeClock,
      probed: (outcome, startedAtMs) => {
        this.#tellResult(upstream, outcome, startedAtMs)
        this.#hear(upstream, outcome)
        this.#apply(upstream, watch.detector.probed(outcome, startedAtMs, this.#options.now()))
        this.#trust(upstream, watch.detector)
      },
      late: () => this.#apply(upstream, watch.detector.late('a probe is late')),
      lost: (reason) => this.refused(upstream, reason),
    })
    this.#members.set(upstream, watch)
    this.upstreams.push(upstream)
    return watch
  }

  /** A probe that ends as the one before it is not logged. */
  #tellResult(upstream: Upstream, outcome: ProbeOutcome, startedAtMs: number): void {
    if (upstream.probeResult === outcome.result) return
    upstream.probeResult = outcome.result
    const { log, now } = this.#options
    log.info({
      event: 'probe-result',
      upstream: upstream.name,
      result: outcome.result,
      ...('reason' in outcome ? { reason: outcome.reason } : {}),
      tookMs: Math.round(now() - startedAtMs),
      everyMs: this.#config.probeIntervalMs,
    })
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
    this.#options.changed()
    if (upstream.standing === 'up') this.#loseOthers(upstream)
  }

  /** Requests that wait at an upstream that is out may go to this one. */
  #loseOthers(upstream: Upstream): void {
    for (const other of this.upstreams) {
      if (other !== upstream && !other.isEligible && other.standing !== 'draining') {
        this.#lose(other, 'another is up')
      }
    }
  }

  /** Events of the sockets in this turn of the event loop, for example an answer, are handled first. */
  #lose(upstream: Upstream, reason: string): void {
    setImmediate(() => upstream.lose(reason))
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
        this.#options.changed()
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
    // One that drained finishes its requests.
    else if (before === 'up') this.#lose(upstream, change.reason)
  }

  #stand(upstream: Upstream, to: Standing): void {
    upstream.standing = to === 'up' && upstream.isRetired ? 'draining' : to
    this.#tell(upstream, upstream.standing)
    if (upstream.isEligible) this.#loseOthers(upstream)
  }

  #tell(upstream: Upstream, to: Standing | 'gone'): void {
    this.#settleKeys()
    for (const listener of this.#listeners) listener(upstream, to)
    this.#options.changed()
  }
}
