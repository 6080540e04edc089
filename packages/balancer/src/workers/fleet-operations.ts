/** Answers operators for all workers: sums and joins what each of them says. */
import { Gauge, Registry } from '@prometheus-io/client'
import { mergedDecisions } from '../telemetry/decisions.ts'
import type { Decision, Decisions } from '../telemetry/decisions.ts'
import type { Directory } from '../upstreams/directory.ts'
import type { Question } from './fleet-messages.ts'
import { noteChange } from '../admin/local-operations.ts'
import { refusedConnectionCounter, reloadCounter } from '../telemetry/metrics.ts'
import type { Metrics, MetricsSnapshot } from '../telemetry/metrics.ts'
import type { Operations, UpstreamView } from '../admin/operations.ts'

export interface FleetOperationsOptions {
  readonly workers: () => readonly { ask(question: Question): Promise<unknown> }[]
  readonly restarts: () => number
  readonly isReady: () => boolean
  readonly directory: Pick<Directory, 'change'>
  /** What this process decided itself. */
  readonly decisions: Decisions
  readonly reload: () => Promise<void>
}

export interface FleetOperations extends Operations, Pick<Metrics, 'reloaded' | 'refusedConnection'> {}

/** The worst standing that any of them sees. */
const STATES = ['up', 'draining', 'down']

export function fleetOperations(options: FleetOperationsOptions): FleetOperations {
  const { workers, restarts, isReady, directory, decisions: own, reload } = options
  const registry = new Registry()
  const reloads = reloadCounter(registry)
  const refusedConnections = refusedConnectionCounter(registry)
  gauge(registry, 'workers', 'Processes that share the port.', () => workers().length)
  gauge(registry, 'worker_restarts', 'Times a worker died and another was started.', restarts)

  /** From the workers that answer; one that is about to end counts for nothing. */
  async function ask<Answer>(question: Question): Promise<Answer[]> {
    const answers = await Promise.allSettled(workers().map((worker) => worker.ask(question)))
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value as Answer] : []))
  }

  return {
    get ready() {
      return isReady()
    },
    upstreams: async () => mergedUpstreams(await ask<UpstreamView[]>({ what: 'upstreams' })),
    async decisions(limit, kind) {
      const lists = await ask<Decision[]>({ what: 'decisions', limit, kind })
      return mergedDecisions([own.latest(limit, kind), ...lists], limit)
    },
    metrics: async () => [
      ...(await ask<MetricsSnapshot[]>({ what: 'metrics' })).flat(),
      await registry.getMetricsAsJSON(),
    ],
    async change(change) {
      await directory.change(change)
      noteChange(own, change)
    },
    reload,
    reloaded: (outcome) => reloads.add(outcome),
    refusedConnection: (bound) => refusedConnections.add(bound),
  }
}

export function mergedUpstreams(lists: readonly (readonly UpstreamView[])[]): UpstreamView[] {
  const merged = new Map<string, UpstreamView>()
  for (const view of lists.flat()) {
    const before = merged.get(view.url)
    const state =
      before === undefined || STATES.indexOf(view.state) > STATES.indexOf(before.state) ? view.state : before.state
    merged.set(view.url, {
      ...view,
      state,
      inFlight: view.inFlight + (before?.inFlight ?? 0),
      tunnels: view.tunnels + (before?.tunnels ?? 0),
    })
  }
  return [...merged.values()]
}

function gauge(registry: Registry, name: string, help: string, value: () => number): void {
  const shown = new Gauge({
    name: `ninelives_balancer_${name}`,
    help,
    registers: [registry],
    collect() {
      this.set(value())
    },
  })
  shown.set(value())
}
