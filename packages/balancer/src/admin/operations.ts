/**
 * What an operator can ask of a balancer, and change while it runs. One process answers for itself; where several share the
 * port, the one that started them answers for all. Changes are data, so that they can be sent.
 */
import type { Decision, DecisionKind } from '../telemetry/decisions.ts'
import type { MetricsSnapshot } from '../telemetry/metrics.ts'
import type { Change } from '../upstreams/change.ts'

export interface UpstreamView {
  readonly name: string
  readonly url: string
  readonly state: string
  readonly inFlight: number
  readonly tunnels: number
  readonly weight: number
  readonly incarnation: string | undefined
  /** `config`, `admin`, or the name by which it was found. */
  readonly source: string
}

export interface Operations {
  /** Whether to send requests here: false from the moment when it was told to stop, and while there is no upstream at all. */
  readonly ready: boolean
  upstreams(): Promise<readonly UpstreamView[]>
  /** The newest first. */
  decisions(limit: number, kind?: DecisionKind): Promise<readonly Decision[]>
  /** One of each process. */
  metrics(): Promise<readonly MetricsSnapshot[]>
  /** Resolves when it is so; a drain goes on after that. Rejects with OperationError. */
  change(change: Change): Promise<void>
  /** Reads the configuration again. Rejects with ConfigError, and then everything is as it was. */
  reload(): Promise<void>
}
