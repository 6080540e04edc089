/** One turn of one cluster: idle for some seconds, and then at each of the rates. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClusterPids, type Contestant, openCluster } from '../harness/cluster-under-test.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { watchOthers } from '../harness/processes/machine-load.ts'
import type { Random } from '../harness/statistics.ts'
import { shuffled } from '../harness/statistics.ts'
import { costLoad } from './load.ts'
import type { CostPlan, Loaded, Parts, Turn } from './result.ts'

const USERS = 30
const RESTART_AFTER_MS = 1_000

export async function costTurn(contestant: Contestant, plan: CostPlan, random: Random): Promise<Turn> {
  const { nodes, rates, warmUpRate, warmUpSeconds, settleSeconds, idleSeconds, seconds } = plan
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-cost-'))
  const seed = Math.floor(random() * 1e6)
  const cluster = await openCluster(contestant, {
    nodes,
    users: 0,
    rate: 1,
    seed,
    restartAfterMs: RESTART_AFTER_MS,
    directory,
  })
  try {
    const load = await costLoad()
    try {
      await load.logIn(cluster.url, USERS)
      await load.shop(warmUpRate, warmUpSeconds)
      await sleep(settleSeconds * 1_000)
      const others = watchOthers()
      const idle = await spent(cluster.pids(), () => sleep(idleSeconds * 1_000, 0))
      const loaded: Loaded[] = []
      for (const rate of shuffled(rates, random)) {
        const { result, ...cost } = await spent(cluster.pids(), () => load.shop(rate, seconds))
        const { requests, p50Ms, p99Ms } = result
        loaded.push({ rate, perSecond: requests / cost.seconds, msPerSecond: cost.msPerSecond, p50Ms, p99Ms })
      }
      const othersShare = others()
      return { idle: idle.msPerSecond, loaded, ...(othersShare !== undefined && { othersShare }) }
    } finally {
      load.stop()
    }
  } finally {
    await cluster.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What `run` cost each part, in milliseconds of CPU a second. */
async function spent<T>(pids: ClusterPids, run: () => Promise<T>) {
  const before = microsOf(pids)
  const beganMs = performance.now()
  const result = await run()
  const seconds = (performance.now() - beganMs) / 1_000
  const after = microsOf(pids)
  const part = (name: keyof Parts): number => (after[name] - before[name]) / 1_000 / seconds
  return { result, seconds, msPerSecond: { balancer: part('balancer'), node: part('node'), store: part('store') } }
}

function microsOf({ balancer, node, store }: ClusterPids): Parts {
  return { balancer: cpuMicrosOf(balancer), node: cpuMicrosOf(node), store: cpuMicrosOf(store) }
}
