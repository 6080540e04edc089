/** What an operator can ask of this process, and change in it. */
import type { Decisions } from '../telemetry/decisions.ts'
import type { Directory } from '../upstreams/directory.ts'
import type { Membership } from '../upstreams/membership.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Operations, UpstreamView } from './operations.ts'
import type { Change } from '../upstreams/change.ts'
import type { Pool } from '../upstreams/pool.ts'
import type { Upstream } from '../upstreams/upstream.ts'

export interface ViewOptions {
  readonly upstreams: Pool
  readonly membership: Membership
  readonly metrics: Metrics
  readonly decisions: Decisions
}

export interface LocalOperationsOptions extends ViewOptions {
  readonly directory: Pick<Directory, 'change'>
  readonly isReady: () => boolean
  readonly reload: () => Promise<void>
}

export function localOperations(options: LocalOperationsOptions): Operations {
  const { directory, decisions, isReady, reload } = options
  return {
    get ready() {
      return isReady()
    },
    ...localViews(options),
    async change(change) {
      await directory.change(change)
      noteChange(decisions, change)
    },
    reload,
  }
}

/** What each process answers for itself, also where another process decides. */
export function localViews(options: ViewOptions): Pick<Operations, 'upstreams' | 'decisions' | 'metrics'> {
  const { upstreams: pool, membership, metrics, decisions } = options
  return {
    upstreams: async () => pool.upstreams.map((upstream) => view(upstream, membership)),
    decisions: async (limit, kind) => decisions.latest(limit, kind),
    metrics: async () => [await metrics.snapshot()],
  }
}

export function noteChange(decisions: Decisions, change: Change): void {
  const name = change.do === 'add' ? change.upstream.split('=', 1)[0] : change.name
  decisions.note('admin', change.do, undefined, name, undefined)
}

function view(upstream: Upstream, membership: Membership): UpstreamView {
  const { name, url, standing: state, inFlight, tunnels, weight, incarnation } = upstream
  return { name, url, state, inFlight, tunnels, weight, incarnation, source: membership.sourceOf(upstream) }
}
