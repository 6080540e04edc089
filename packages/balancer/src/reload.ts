/**
 * Which settings take effect while connections stand. Everything reads them from one object whenever it needs them, so a change
 * is that object's new content, and nobody's connection is any the worse. What is settled when the sockets open can't change
 * so: to ask for it is a fault, rather than a setting that seems to be in force.
 */
import { ConfigError } from './config-values.ts'
import type { Config } from './config.ts'

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
      return { key, message: `${key} is another than at the start, but takes a new value only with a restart.` }
    })
  if (faults.length > 0) throw new ConfigError(faults)
}
