/** What Prometheus is told of the floor's sockets. Those that the session layer counts are asked of it when metrics are. */
import { Counter, Gauge, Histogram, type Metric } from '@prometheus-io/client'
import type { SocketsReport } from '@ninelives/sessions/sockets'

export interface FloorMetrics {
  readonly all: readonly Metric[]
  /** A socket was closed because its session has ended, so long after that was told. */
  readonly revoked: (afterMs: number) => void
}

/** The bound for a revocation is 250 ms. */
const REVOCATION_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** A client chooses among 2,000 codes of its own. */
const OWN_CODES_FROM = 3_000
const SESSION_ENDED = 4401

const NONE: SocketsReport = { open: 0, notified: false, opened: 0, refused: {}, closed: {}, messages: {} }

/** `reported` is undefined before the floor is open. */
export function floorMetrics(reported: () => SocketsReport | undefined): FloorMetrics {
  const report = (): SocketsReport => reported() ?? NONE
  const registers: [] = []
  const open: Gauge = new Gauge({
    name: 'ninelives_sockets_open',
    help: 'Sockets on the floor.',
    registers,
    collect: () => open.set(report().open),
  })
  const notified: Gauge = new Gauge({
    name: 'ninelives_sockets_notified',
    help: "1 while the store's notifications tell this node of ended sessions; 0 while it looks for them every 100 ms, or has no sockets.",
    registers,
    collect: () => notified.set(report().notified ? 1 : 0),
  })
  const opened: Counter = new Counter({
    name: 'ninelives_sockets_opened_total',
    help: 'Sockets that were opened.',
    registers,
    collect() {
      opened.reset()
      opened.inc(report().opened)
    },
  })
  const refused: Counter<'status'> = new Counter({
    name: 'ninelives_sockets_refused_total',
    help: 'Upgrades that were refused, by the status of the answer.',
    labelNames: ['status'],
    registers,
    collect() {
      refused.reset()
      for (const [status, count] of Object.entries(report().refused)) refused.inc({ status }, count)
    },
  })
  const closed: Counter<'code'> = new Counter({
    name: 'ninelives_sockets_closed_total',
    help: "Sockets that were closed, by code: 1006 without a Close, 4401 with the session, 'own' any other of 3000 and more.",
    labelNames: ['code'],
    registers,
    collect() {
      closed.reset()
      for (const [code, count] of Object.entries(report().closed)) closed.inc({ code: labelOf(Number(code)) }, count)
    },
  })
  const messages: Counter<'type'> = new Counter({
    name: 'ninelives_socket_messages_total',
    help: 'Messages that were handled, by type. Those of an unknown type are refused; others close their socket: 1003, 1007, 1008 and 1009.',
    labelNames: ['type'],
    registers,
    collect() {
      messages.reset()
      for (const [type, count] of Object.entries(report().messages)) messages.inc({ type }, count)
    },
  })
  const revocations = new Histogram({
    name: 'ninelives_socket_revocation_duration_seconds',
    help: 'From a node telling the end of a session to this node closing a socket of it, by the clocks of both.',
    buckets: REVOCATION_BUCKETS_S,
    registers,
  })
  return {
    all: [open, notified, opened, refused, closed, messages, revocations],
    revoked: (afterMs) => revocations.observe(afterMs / 1_000),
  }
}

function labelOf(code: number): string {
  return code >= OWN_CODES_FROM && code !== SESSION_ENDED ? 'own' : String(code)
}
