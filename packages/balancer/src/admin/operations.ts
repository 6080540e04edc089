/**
 * What an operator can read of a balancer, and change while it runs. One process answers for itself; of several that share the
 * port, their parent answers for all. Changes are data, so that they can be sent to another process.
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
  /** Whether to send requests here: false once it was told to stop, and while there is no upstream. */
  readonly ready: boolean
  upstreams(): Promise<readonly UpstreamView[]>
  /** The newest first. */
  decisions(limit: number, kind?: DecisionKind): Promise<readonly Decision[]>
  /** One of each process. */
  metrics(): Promise<readonly MetricsSnapshot[]>
  /** Resolves when the change is in effect; a drain goes on after that. Rejects with OperationError. */
  change(change: Change): Promise<void>
  /** Reads the configuration again. Rejects with ConfigError, and then everything is as it was. */
  reload(): Promise<void>
}
