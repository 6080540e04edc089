/** A cluster before its first fault: warmed up until it is stable, then measured, with the CPU time of its processes. */
import type { ClusterUnderTest } from '../../harness/cluster-under-test.ts'
import { cpuMicrosOf } from '../../harness/processes/cpu-time.ts'
import { openHealthy, warmUp } from '../healthy/index.ts'
import { watchOthers, whyBusy } from '../../harness/processes/machine-load.ts'
import type { CpuFigures, HealthyBlock } from '../../result.ts'
import type { BenchScenario } from '../../scenarios/index.ts'

export type HealthyTurn = Omit<HealthyBlock, 'block'>

export interface HealthyPlan {
  /** Served before the measurement. */
  readonly warmUpRequests: number
  readonly healthySeconds: number
}

/** Each sends its next request when it has the answer to the last. */
const USERS = 8

export async function healthyTurn(
  cluster: ClusterUnderTest,
  { readShare }: BenchScenario,
  { warmUpRequests, healthySeconds }: HealthyPlan,
  seed: number,
): Promise<HealthyTurn> {
  const load = await openHealthy({ url: cluster.url, users: USERS, readShare, seed })
  try {
    await warmUp(load, warmUpRequests)
    const others = watchOthers()
    const before = cpuNow(cluster)
    const { requests, ok, failed, requestsPerSecond, p50Ms, p99Ms, histogram } = await load.measure(healthySeconds)
    const after = cpuNow(cluster)
    const excluded = whyBusy(others())
    if (ok === 0) throw new Error(`no answer was right while nothing was broken: ${JSON.stringify(failed)}`)
    const { store } = after
    const perRequest = (part: keyof CpuFigures<number>): number => ((after[part] ?? 0) - (before[part] ?? 0)) / requests
    return {
      requests,
      wrongShare: 1 - ok / requests,
      requestsPerSecond,
      p50Ms,
      p99Ms,
      histogram,
      cpuMicrosPerRequest: {
        balancer: perRequest('balancer'),
        node: perRequest('node'),
        ...(store === undefined ? {} : { store: perRequest('store') }),
      },
      ...(excluded === undefined ? {} : { excluded }),
    }
  } finally {
    load.close()
  }
}

function cpuNow(cluster: ClusterUnderTest): CpuFigures<number> {
  const { balancer, node, store } = cluster.pids()
  const common = { balancer: cpuMicrosOf(balancer), node: cpuMicrosOf(node) }
  return store.length === 0 ? common : { ...common, store: cpuMicrosOf(store) }
}
