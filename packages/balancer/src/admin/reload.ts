/**
 * Which settings a reload may change. Every part reads its settings from one object whenever it needs them, so a reload changes that
 * object's content, and open connections go on. A setting that is used only when the sockets open can't change without a restart:
 * another value for it is refused, rather than accepted and ignored.
 */
import type { Logger } from 'pino'
import type { CertificateError } from '../tls/certificates.ts'
import { ConfigError, faultsOf } from '../config/config-values.ts'
import type { ConfigFault } from '../config/config-values.ts'
import type { Config } from '../config/config.ts'
import type { Decisions } from '../telemetry/decisions.ts'

const LIVE: ReadonlySet<keyof Config> = new Set<keyof Config>([
  'upstreams',
  'services',
  'routing',
  'affinityKeys',
  'cookieSecure',
  'sessionCookie',
  'loadBoundPercent',
  'slowStartMs',
  'upstreamSocketsMax',
  'upstreamInFlightMax',
  'upstreamIdleMs',
  'upstreamDrainMs',
  'dnsIntervalMs',
  'queueMax',
  'queueWaitMs',
  'attemptsMax',
  'connectTimeoutMs',
  'attemptTimeoutMs',
  'answerIdleMs',
  'continueWaitMs',
  'answerHeaderBytesMax',
  'requestDeadlineMs',
  'replayBodyBytesMax',
  'retryPercent',
  'retryPerSMin',
  'waitMax',
  'waitBytesMax',
  'waitMs',
  'suspectMs',
  'probeIntervalMs',
  'probeTimeoutMs',
  'probeRise',
  'probeFall',
  'clientConnectionsMax',
  'clientBodyBytesMax',
  'clientHeaderFieldsMax',
  'clientHeaderBytesMax',
  'clientHeadersTimeoutMs',
  'clientRequestTimeoutMs',
  'clientKeepAliveMs',
  'drainMs',
  'adminToken',
  'accessLogPerS',
  'serverTiming',
  'privatePaths',
  'readyPath',
  'publicHosts',
  'logLevel',
  'environment',
])

/** Throws ConfigError for all that can't change without a restart, and names each. */
export function checkReload(before: Config, after: Config): void {
  const fields = Object.keys(after) as (keyof Config)[]
  const faults = fields
    .filter((field) => !LIVE.has(field) && JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map((field) => {
      const key = field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
      return { key, message: `${key} can't change without a restart.` }
    })
  if (faults.length > 0) throw new ConfigError(faults)
}

export function certificateFault({ message }: CertificateError): ConfigFault {
  return { key: 'TLS_CERT', message: `TLS_CERT takes a certificate and TLS_KEY its key. ${message}` }
}

export interface ReloadsOptions {
  readonly log: Logger
  readonly decisions: Decisions
  readonly counted: (outcome: 'applied' | 'refused') => void
}

/**
 * Reloads one after the other. Log, metrics and decisions show the outcome of each, and the log has a line for every fault. At most one
 * reload waits: callers that come meanwhile share its outcome, since it reads the configuration only when it begins.
 */
export class Reloads {
  readonly #reload: () => Promise<void>
  readonly #options: ReloadsOptions
  #running: Promise<unknown> = Promise.resolve()
  #waiting: Promise<void> | undefined

  constructor(reload: () => Promise<void>, options: ReloadsOptions) {
    this.#reload = reload
    this.#options = options
  }

  /** Rejects with ConfigError, and then everything is as it was. */
  run(): Promise<void> {
    if (this.#waiting !== undefined) return this.#waiting
    const next = this.#running.then(() => {
      this.#waiting = undefined
      return this.#noted()
    })
    this.#waiting = next
    this.#running = next.catch(() => 'the caller is told')
    return next
  }

  async #noted(): Promise<void> {
    const { log, decisions, counted } = this.#options
    try {
      await this.#reload()
      counted('applied')
      decisions.note('admin', 'reloaded', undefined, undefined, undefined)
      log.info({ event: 'reloaded' })
    } catch (error) {
      counted('refused')
      for (const reason of faultsOf(error)) {
        decisions.note('admin', 'reload-refused', undefined, undefined, reason)
        log.error({ event: 'reload-refused', reason })
      }
      throw error
    }
  }
}
