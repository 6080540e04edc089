/** What the session layer and the shop tell, as lines of the log, metrics and spans. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Logger } from 'pino'
import { Counter, Registry } from '@prometheus-io/client'
import { eventLog, type SessionLayerEvent, type SessionMetrics, type SessionTracing } from '@ninelives/sessions'
import { sessionMetrics } from '@ninelives/sessions/metrics'
import { sessionTracing } from '@ninelives/sessions/tracing'

export interface NodeTelemetry {
  /** Where all of the node's metrics are registered. Each node has its own, so that two of them fit into one process. */
  readonly registry: Registry
  readonly metrics: SessionMetrics
  readonly tracing: SessionTracing
  /** For the log alone: the metrics are told by themselves. */
  readonly logged: (event: SessionLayerEvent) => void
  /** For both, where a part of the node does not know the metrics. */
  readonly onEvent: (event: SessionLayerEvent) => void
  /** How a login ended. */
  readonly login: (ended: LoginEnded) => void
  /** Runs what a request does: events of the session layer are then logged with its id. */
  readonly during: <T>(requestId: string, run: () => T) => T
}

export interface LoginEnded {
  readonly outcome: 'accepted' | 'refused' | 'throttled'
  readonly requestId: string
  readonly address: string
  /** Of an account that exists. A name that does not may be a password in the wrong field. */
  readonly user: string | undefined
}

export function nodeTelemetry(log: Logger): NodeTelemetry {
  const registry = new Registry()
  const metrics = sessionMetrics(registry)
  const requestIds = new AsyncLocalStorage<string>()
  const withRequestId = (level: 'debug' | 'info' | 'warn' | 'error') => (about: object, line: string) => {
    if (!log.isLevelEnabled(level)) return
    const requestId = requestIds.getStore()
    log[level](requestId === undefined ? about : { requestId, ...about }, line)
  }
  const logged = eventLog({
    debug: withRequestId('debug'),
    info: withRequestId('info'),
    warn: withRequestId('warn'),
    error: withRequestId('error'),
  })
  const logins = new Counter({
    name: 'ninelives_logins_total',
    help: 'Attempts to log in, by outcome: accepted, refused, throttled.',
    labelNames: ['outcome'],
    registers: [registry],
  })

  return {
    registry,
    metrics,
    tracing: sessionTracing(),
    logged,
    onEvent(event) {
      metrics.onEvent(event)
      logged(event)
    },

    login({ outcome, ...about }) {
      logins.inc({ outcome })
      const level = outcome === 'accepted' ? 'info' : 'warn'
      log[level]({ event: `login-${outcome}`, ...about }, `a login was ${outcome}`)
    },

    during: (requestId, run) => requestIds.run(requestId, run),
  }
}
