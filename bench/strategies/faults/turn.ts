/**
 * One turn of one contestant: a cluster is started, measured before anything breaks, broken several times at random phases, checked
 * a last time, and ended. `metrics.ts` reads the users' experience from the trace afterwards.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeTrace, judge, type TraceEvent } from '@ninelives/history'
import { lastLook, seededRandom } from '@ninelives/lab'
import { type ClusterUnderTest, type Contestant, openCluster } from '../../harness/cluster-under-test.ts'
import { watchOthers, whyBusy } from '../../harness/processes/machine-load.ts'
import type { BenchScenario } from '../../scenarios/index.ts'
import { watchBacklog } from './backlog.ts'
import { breakIt, whole } from './breaks.ts'
import { openSessions, type SessionCosts } from './open-sessions.ts'
import { type HealthyPlan, healthyTurn, type HealthyTurn } from './healthy-turn.ts'
import { faultWatched } from './marks.ts'
import { killMeasures, type Measured } from './metrics.ts'
import { slowRedis } from './slow-redis.ts'

export interface TurnPlan extends HealthyPlan {
  readonly kills: number
  /** Of the users, before the first fault. */
  readonly warmUpMs: number
  readonly beforeMs: number
  readonly afterMs: number
  readonly nodes: number
  readonly users: number
  readonly tabs: number
  readonly operationsPerSecond: number
}

/** The findings of one turn, from which every figure is made. */
export interface TurnFound extends SessionCosts {
  readonly kills: readonly Measured[]
  readonly healthy: HealthyTurn
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly doubts: readonly string[]
  readonly anomalies: Readonly<Record<string, number>>
  readonly reads: number
  readonly requests: {
    readonly sent: number
    readonly ok: number
    readonly failed: Readonly<Record<string, number>>
    readonly retries?: number
  }
}

/** The phase of a kill is random within this time. */
const PHASE_MS = 1_000
/** From a node's death to its restart. */
const RESTART_AFTER_MS = 700
const BEHIND = 'the users were so far behind that some due operations were never sent'

export async function runTurn(
  contestant: Contestant,
  scenario: BenchScenario,
  plan: TurnPlan,
  seed: number,
  signal: AbortSignal,
): Promise<TurnFound> {
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-bench-'))
  const slow = scenario.slowStore === true ? await slowRedis() : undefined
  const over = new AbortController()
  let cluster: ClusterUnderTest | undefined
  try {
    const store = slow === undefined ? {} : { storeUrl: slow.url }
    cluster = await openCluster(contestant, { ...wishesOf(scenario, plan), ...store, seed, directory })
    signal.throwIfAborted()
    // Some waits of a turn don't take the signal; without a cluster they end with the process.
    return await Promise.race([measured(cluster, scenario, plan, seed, signal), aborted(signal, over.signal)])
  } finally {
    over.abort()
    await cluster?.lab.kill()
    slow?.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Rejects when the signal aborts, and never resolves. `over` removes the listener. */
async function aborted(signal: AbortSignal, over: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: over })
  return await promise
}

function wishesOf(scenario: BenchScenario, plan: TurnPlan) {
  const { nodes, users, tabs, operationsPerSecond } = plan
  const { readShare, sessionBytes } = scenario
  return {
    nodes: scenario.nodes ?? nodes,
    users: scenario.users ?? users,
    tabs: scenario.tabs ?? tabs,
    rate: scenario.rate ?? operationsPerSecond,
    usersLater: true,
    restartAfterMs: RESTART_AFTER_MS,
    ...(readShare === undefined ? {} : { readShare }),
    ...(sessionBytes === undefined ? {} : { sessionBytes }),
  }
}

async function measured(
  cluster: ClusterUnderTest,
  scenario: BenchScenario,
  plan: TurnPlan,
  seed: number,
  signal: AbortSignal,
): Promise<TurnFound> {
  const { lab } = cluster
  const healthy = await healthyTurn(cluster, scenario, plan, seed)
  // Visitors' sessions have no padding, so they would falsify the figure.
  const costs = scenario.sessionBytes === undefined ? await openSessions(cluster, scenario.liveSessions) : {}
  const retriesBefore = await cluster.retries()
  await cluster.startUsers()
  await sleep(plan.warmUpMs, undefined, { signal })
  const spoiled = await broken(cluster, scenario, plan, seed, signal)
  const retries = await cluster.retries()
  const asksCopies = lab.trace.state.strategy.routing !== 'affinity'
  const nodes = asksCopies ? lab.cluster.nodes.map(({ name, url }) => ({ name, url })) : []
  await lastLook(lab.cluster.users, nodes)
  await cluster.stop()
  signal.throwIfAborted()
  const kills = found(lab.trace.path, plan.beforeMs, spoiled)
  const extra = retries === undefined || retriesBefore === undefined ? {} : { retries: retries - retriesBefore }
  return { ...kills, requests: { ...kills.requests, ...extra }, healthy, ...costs }
}

/** Resolves with the reasons for exclusion that the trace does not show, one a fault. */
async function broken(
  cluster: ClusterUnderTest,
  scenario: BenchScenario,
  plan: TurnPlan,
  seed: number,
  signal: AbortSignal,
): Promise<(string | undefined)[]> {
  const random = seededRandom(seed)
  const backlog = watchBacklog(cluster.lab.trace, scenario.rate ?? plan.operationsPerSecond)
  const spoiled: (string | undefined)[] = []
  while (spoiled.length < plan.kills) {
    await whole(cluster)
    await sleep(random() * PHASE_MS, undefined, { signal })
    const others = watchOthers()
    await breakIt(cluster, scenario.breaks)
    await sleep(plan.afterMs, undefined, { signal })
    cluster.lab.trace.append(faultWatched())
    const busy = whyBusy(others())
    const isTold = await backlog.gone(signal)
    spoiled.push(busy ?? (isTold ? undefined : BEHIND))
  }
  backlog.close()
  // A node that is still starting can't be asked for its copies.
  await whole(cluster)
  return spoiled
}

function found(path: string, beforeMs: number, spoiled: readonly (string | undefined)[]) {
  const { events, problem } = decodeTrace(readFileSync(path, 'utf8'))
  const { verdict, doubts, anomalies } = judge(events, problem)
  const kills = killMeasures(events, beforeMs).map((kill, index): Measured => {
    const excluded = kill.excluded ?? spoiled[index]
    return excluded === undefined ? kill : Object.assign(kill, { excluded })
  })
  return {
    kills,
    verdict,
    doubts,
    anomalies: Object.fromEntries(anomalies.map(({ kind, times }) => [kind, times])),
    reads: events.filter((event) => event.type === 'operation-sent' && event.kind === 'read').length,
    requests: requestsIn(events),
  }
}

function requestsIn(events: readonly TraceEvent[]) {
  const failed: Record<string, number> = {}
  let [sent, ok] = [0, 0]
  for (const event of events) {
    if (event.type === 'operation-sent') sent++
    if (event.type !== 'operation-ended') continue
    const { outcome, why = outcome } = event
    if (outcome === 'ok') ok++
    else failed[why] = (failed[why] ?? 0) + 1
  }
  return { sent, ok, failed }
}
