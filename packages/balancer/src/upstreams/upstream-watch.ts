/** Watches one upstream: a prober and a control connection feed its failure detector. */
import type { Config } from '../config/config.ts'
import { controlConnection } from './control-connection.ts'
import type { ControlConnection } from './control-connection.ts'
import { detector } from './health.ts'
import type { Detector, ProbeOutcome } from './health.ts'
import { prober } from './prober.ts'
import type { ProbeClock, Prober } from './prober.ts'
import type { Upstream } from './upstream.ts'

/** An upstream that is down is probed more often, to be readmitted sooner. */
const DOWN_INTERVAL_SHARE = 0.4

export interface UpstreamWatch {
  readonly detector: Detector
  readonly prober: Prober
  readonly control: ControlConnection
}

export interface UpstreamWatchOptions {
  readonly now: () => number
  readonly clock: ProbeClock
  readonly probed: (outcome: ProbeOutcome, startedAtMs: number) => void
  /** A probe has been without an answer for `suspectMs`. */
  readonly late: () => void
  /** The control connection ended, and no process listens there any more. */
  readonly lost: (reason: string) => void
}

/** Reads `config` whenever it needs a bound, so that a change of it holds at once. Nothing is asked before `prober.open`. */
export function upstreamWatch(upstream: Upstream, config: Config, options: UpstreamWatchOptions): UpstreamWatch {
  const { now, clock, probed, late, lost } = options
  const { hostname, port } = upstream.target
  return {
    detector: detector({
      get rise() {
        return config.probeRise
      },
      get fall() {
        return config.probeFall
      },
    }),
    prober: prober({
      hostname,
      port,
      get readyPath() {
        return config.readyPath
      },
      clock,
      now,
      probed,
      late,
      get lateMs() {
        return config.suspectMs
      },
      get intervalMs() {
        return upstream.standing === 'down' ? config.probeIntervalMs * DOWN_INTERVAL_SHARE : config.probeIntervalMs
      },
      get timeoutMs() {
        return config.probeTimeoutMs
      },
      get questionTimeoutMs() {
        return config.attemptTimeoutMs
      },
    }),
    control: controlConnection({
      hostname,
      port,
      get readyPath() {
        return config.readyPath
      },
      now,
      lost,
      get connectTimeoutMs() {
        return config.connectTimeoutMs
      },
    }),
  }
}
