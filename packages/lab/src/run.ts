/** One run: a cluster, its trace, and the faults in it. */
import path from 'node:path'
import { type RunStarted, TRACE_SCHEMA } from '@ninelives/history'
import { TIMEOUTS_S, visitorIdleTimeoutS } from '@ninelives/node/config'
import { type Addresses, chooseAddresses } from './cluster/addresses.ts'
import { Cluster } from './cluster/cluster.ts'
import type { ClusterOptions } from './cluster/options.ts'
import { withoutPassword } from './config.ts'
import { FaultController } from './faults/controller.ts'
import { seededRandom } from './random.ts'
import { TRACE_FILE } from './run-directory.ts'
import { LOOPBACK } from './supervise/ports.ts'
import type { Warden } from './supervise/warden.ts'
import { Trace } from './trace/trace.ts'

export interface Run {
  readonly options: ClusterOptions
  readonly trace: Trace
  readonly cluster: Cluster
  readonly faults: FaultController
}

/** Opens the trace and chooses the ports. The cluster's processes are started by `cluster.start()`. */
export async function openRun(options: ClusterOptions, warden: Warden): Promise<Run> {
  const addresses = await chooseAddresses(options)
  const trace = openTrace(options, addresses)
  const cluster = new Cluster(options, addresses, trace, warden)
  return { options, trace, cluster, faults: new FaultController(cluster, trace, seededRandom(options.seed)) }
}

/** Asks every process to end, and so heals every fault. `cutShort`: why the run did less than was planned. */
export async function endRun({ trace, cluster, faults }: Run, reason: string, cutShort?: string): Promise<void> {
  trace.append({ type: 'run-ended', reason, ...(cutShort === undefined ? {} : { cutShort }) })
  await cluster.stop()
  faults.close()
}

function openTrace(options: ClusterOptions, { balancerPort, nodes, storeUrl }: Addresses): Trace {
  const { name, routing, summary, onNodeDeath } = options.strategy
  const { run, seed, users, tabs, rate, restartAfterMs, requires, service, directory } = options
  return new Trace(path.join(directory, TRACE_FILE), {
    schema: TRACE_SCHEMA,
    run,
    seed,
    strategy: { name, routing, summary, onNodeDeath },
    store: withoutPassword(storeUrl),
    balancerUrl: `http://${LOOPBACK}:${balancerPort}`,
    nodes: nodes.map(({ name, port }) => ({ name, url: `http://${LOOPBACK}:${port}` })),
    ...(restartAfterMs === undefined ? {} : { restartAfterMs }),
    users,
    ...(tabs === undefined ? {} : { tabs }),
    rate,
    ...(requires === undefined ? {} : { requires }),
    ...(service === undefined ? {} : { service }),
    ...timeoutsIn(options.environment),
  })
}

/** As its user set them for the nodes, which refuse a bad value, or the nodes' defaults. */
function timeoutsIn(
  environment: NodeJS.ProcessEnv,
): Pick<RunStarted, 'idleTimeoutMs' | 'absoluteTimeoutMs' | 'visitorIdleTimeoutMs'> {
  const secondsOf = (name: string, otherwise: number): number => Number(environment[name]) || otherwise
  const idleS = secondsOf('IDLE_TIMEOUT_S', TIMEOUTS_S.idle)
  return {
    idleTimeoutMs: 1_000 * idleS,
    absoluteTimeoutMs: 1_000 * secondsOf('ABSOLUTE_TIMEOUT_S', TIMEOUTS_S.absolute),
    visitorIdleTimeoutMs: 1_000 * secondsOf('VISITOR_IDLE_TIMEOUT_S', visitorIdleTimeoutS(idleS)),
  }
}
