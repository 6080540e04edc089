/** The upstreams and what is known of each: a detector fed by a prober and by what requests met there. Says what changes. */
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { detector } from './health.ts'
import type { Detector, HealthChange } from './health.ts'
import type { Metrics } from './metrics.ts'
import { prober } from './prober.ts'
import type { Prober, ProberOptions } from './prober.ts'
import { Upstream } from './upstream.ts'

export interface Pool {
  readonly upstreams: readonly Upstream[]
  /** Resolves when every upstream has been probed once. */
  open(): Promise<void>
  /** A request found nobody listening there: ejects at once. */
  refused(upstream: Upstream, reason: string): void
  /** A request went wrong there, which may be its own fault: a probe tells. */
  suspect(upstream: Upstream): void
  close(): void
}

export interface PoolOptions {
  readonly log: Logger
  readonly metrics: Metrics
  readonly now: () => number
  readonly random: () => number
}

interface Member {
  readonly detector: Detector
  readonly prober: Prober
}

export function pool(config: Config, { log, metrics, now, random }: PoolOptions): Pool {
  const upstreams = config.upstreams.map((address) => new Upstream(address, config))
  const members = new Map(upstreams.map((upstream) => [upstream, join(upstream)]))
  const all = [...members.values()]

  function join(upstream: Upstream): Member {
    const health = detector({ rise: config.probeRise, fall: config.probeFall })
    const { hostname, port } = upstream.target
    const { probeIntervalMs: intervalMs, probeTimeoutMs: timeoutMs } = config
    const probed: ProberOptions['probed'] = (outcome, startedAtMs) =>
      apply(upstream, health.probed(outcome, startedAtMs, now()))
    return { detector: health, prober: prober({ hostname, port, intervalMs, timeoutMs, random, now, probed }) }
  }

  function apply(upstream: Upstream, change: HealthChange | undefined): void {
    if (change === undefined) return
    upstream.standing = change.to
    switch (change.to) {
      case 'up':
        return log.info({
          event: 'upstream-readmitted',
          upstream: upstream.name,
          downForMs: Math.round(change.outForMs),
        })
      case 'draining':
        return log.info({ event: 'upstream-draining', upstream: upstream.name })
      case 'down':
        upstream.closeIdle()
        metrics.ejected(upstream.name)
        return log.warn({ event: 'upstream-ejected', upstream: upstream.name, reason: change.reason })
    }
  }

  return {
    upstreams,
    async open() {
      await Promise.all(all.map((member) => member.prober.open()))
    },
    refused(upstream, reason) {
      apply(upstream, members.get(upstream)?.detector.refused(reason, now()))
    },
    suspect(upstream) {
      members.get(upstream)?.prober.hurry()
    },
    close() {
      for (const member of all) member.prober.close()
      for (const upstream of upstreams) upstream.close()
    },
  }
}
