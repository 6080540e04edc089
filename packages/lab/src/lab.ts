/** A cluster with its trace, warden, faults and control API: what `up`, tests and benches start. */
import path from 'node:path'
import { TRACE_SCHEMA } from '@ninelives/history'
import { type Addresses, chooseAddresses } from './cluster/addresses.ts'
import { Cluster } from './cluster/cluster.ts'
import type { ClusterOptions } from './cluster/options.ts'
import { withoutPassword } from './config.ts'
import { type ControlServer, controlServer } from './control/server.ts'
import { FaultController } from './faults/controller.ts'
import { seededRandom } from './random.ts'
import { LOOPBACK } from './supervise/ports.ts'
import { Warden } from './supervise/warden.ts'
import { Trace } from './trace/trace.ts'

export interface LabOptions extends ClusterOptions {
  /** 0 picks a free port. */
  readonly controlPort: number
}

export interface Lab {
  readonly trace: Trace
  readonly cluster: Cluster
  readonly faults: FaultController
  readonly control: ControlServer
  /** Resolves when the shop answers. */
  start(): Promise<void>
  /** Asks every process to end, and so heals every fault. `cutShort`: why the run did less than was planned. */
  stop(reason: string, cutShort?: string): Promise<void>
  /** Kills every process. */
  kill(): Promise<void>
}

/** Opens everything except the cluster's processes, which `start` starts. Rejects with PortInUseError. */
export async function openLab(options: LabOptions): Promise<Lab> {
  const addresses = await chooseAddresses(options)
  const trace = openTrace(options, addresses)
  const warden = new Warden()
  const cluster = new Cluster(options, addresses, trace, warden)
  const faults = new FaultController(cluster, trace, seededRandom(options.seed))
  let control: ControlServer | undefined
  const close = async (): Promise<void> => {
    faults.close()
    await Promise.all([control?.close(), warden.close()])
  }
  try {
    control = await controlServer({ trace, cluster, faults }, options.controlPort)
  } catch (error) {
    await close()
    throw error
  }
  return {
    trace,
    cluster,
    faults,
    control,
    start: () => cluster.start(),
    async stop(reason, cutShort) {
      trace.append({ type: 'run-ended', reason, ...(cutShort === undefined ? {} : { cutShort }) })
      await cluster.stop()
      await close()
    },
    async kill() {
      await cluster.kill()
      await close()
    },
  }
}

function openTrace(options: LabOptions, { balancerPort, nodes, storeUrl }: Addresses): Trace {
  const { name, routing, summary, onNodeDeath } = options.strategy
  const { run, seed, users, rate, restartAfterMs, requires, service, directory } = options
  return new Trace(path.join(directory, 'trace.ndjson'), {
    schema: TRACE_SCHEMA,
    run,
    seed,
    strategy: { name, routing, summary, onNodeDeath },
    store: withoutPassword(storeUrl),
    balancerUrl: `http://${LOOPBACK}:${balancerPort}`,
    nodes: nodes.map(({ name, port }) => ({ name, url: `http://${LOOPBACK}:${port}` })),
    ...(restartAfterMs === undefined ? {} : { restartAfterMs }),
    users,
    rate,
    ...(requires === undefined ? {} : { requires }),
    ...(service === undefined ? {} : { service }),
  })
}
