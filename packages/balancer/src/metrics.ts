/** What is counted, for Prometheus. Names and labels are an interface: dashboards and the lab read them. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Upstream } from './upstream.ts'

export interface Metrics {
  /** A request is over: the status it was answered with, `client-left` or `cut`. */
  answered(code: string): void
  attempted(upstream: string, outcome: string): void
  ruled(rule: string): void
  ejected(upstream: string): void
  /** A client's connection was closed at once, for there were too many: of its address, or in total. */
  refusedConnection(bound: 'address' | 'total'): void
  /** Shows the upstreams' state from now on. */
  watch(upstreams: readonly Upstream[]): void
  /** In the text format, with its content type. */
  scrape(): Promise<{ readonly contentType: string; readonly text: string }>
}

export function metrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const requests = new Counter({
    name: 'ninelives_balancer_requests_total',
    help: 'Requests that are over, by status, or client-left, or cut when an answer broke off.',
    labelNames: ['code'],
    registers,
  })
  const attempts = new Counter({
    name: 'ninelives_balancer_attempts_total',
    help: 'Attempts that are over, by upstream and what they came to.',
    labelNames: ['upstream', 'outcome'],
    registers,
  })
  const rulings = new Counter({
    name: 'ninelives_balancer_failed_attempts_total',
    help: 'Attempts that failed, by the rule that decided what followed.',
    labelNames: ['rule'],
    registers,
  })
  const ejections = new Counter({
    name: 'ninelives_balancer_ejections_total',
    help: 'Times an upstream was ejected.',
    labelNames: ['upstream'],
    registers,
  })
  const refusedConnections = new Counter({
    name: 'ninelives_balancer_refused_connections_total',
    help: 'Connections closed at once, by the bound that they would have passed.',
    labelNames: ['bound'],
    registers,
  })
  return {
    answered: (code) => requests.inc({ code }),
    attempted: (upstream, outcome) => attempts.inc({ upstream, outcome }),
    ruled: (rule) => rulings.inc({ rule }),
    ejected: (upstream) => ejections.inc({ upstream }),
    refusedConnection: (bound) => refusedConnections.inc({ bound }),
    watch: (upstreams) => watch(registry, upstreams),
    async scrape() {
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}

function watch(registry: Registry, upstreams: readonly Upstream[]): void {
  const gauge = (name: string, help: string, value: (upstream: Upstream) => number) =>
    new Gauge({
      name: `ninelives_balancer_upstream_${name}`,
      help,
      labelNames: ['upstream'],
      registers: [registry],
      collect() {
        for (const upstream of upstreams) this.set({ upstream: upstream.name }, value(upstream))
      },
    })
  gauge('up', '1 while the upstream takes traffic.', (upstream) => Number(upstream.standing === 'up'))
  gauge('in_flight', 'Requests at the upstream now.', (upstream) => upstream.inFlight)
  gauge('tunnels', 'WebSockets open to the upstream now.', (upstream) => upstream.tunnels)
}
