/** Answers operators for all workers: sums, joins, and makes a change in each or says who could not. */
import { Gauge, Registry } from 'prom-client'
import { mergedDecisions } from './decisions.ts'
import type { Decision } from './decisions.ts'
import type { Question } from './fleet-messages.ts'
import type { MetricsSnapshot } from './metrics.ts'
import type { Change, Operations, UpstreamView } from './operations.ts'

export interface FleetOperationsOptions {
  readonly workers: () => readonly { ask(question: Question): Promise<unknown> }[]
  readonly restarts: () => number
  readonly isReady: () => boolean
  /** All workers have made it. */
  readonly changed: (change: Change) => void
  readonly reload: () => Promise<void>
}

/** The worst that any of them sees. */
const STATES = ['up', 'draining', 'down']

export function fleetOperations({ workers, restarts, isReady, changed, reload }: FleetOperationsOptions): Operations {
  const registry = new Registry()
  gauge(registry, 'workers', 'Processes that share the port.', () => workers().length)
  gauge(registry, 'worker_restarts', 'Times a worker died and another was started.', restarts)

  /** Of those that answer; one that is about to end has nothing to add. */
  async function ask<Answer>(question: Question): Promise<Answer[]> {
    const answers = await Promise.allSettled(workers().map((worker) => worker.ask(question)))
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value as Answer] : []))
  }

  return {
    get ready() {
      return isReady()
    },
    upstreams: async () => mergedUpstreams(await ask<UpstreamView[]>({ what: 'upstreams' })),
    decisions: async (limit, kind) => mergedDecisions(await ask<Decision[]>({ what: 'decisions', limit, kind }), limit),
    metrics: async () => [
      ...(await ask<MetricsSnapshot[]>({ what: 'metrics' })).flat(),
      await registry.getMetricsAsJSON(),
    ],
    async change(change) {
      await Promise.all(workers().map((worker) => worker.ask({ what: 'change', change })))
      changed(change)
    },
    reload,
  }
}

export function mergedUpstreams(lists: readonly (readonly UpstreamView[])[]): UpstreamView[] {
  const merged = new Map<string, UpstreamView>()
  for (const view of lists.flat()) {
    const before = merged.get(view.name)
    const state =
      before === undefined || STATES.indexOf(view.state) > STATES.indexOf(before.state) ? view.state : before.state
    merged.set(view.name, {
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
