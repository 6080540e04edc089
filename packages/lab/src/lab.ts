/** A cluster with its trace, warden, faults and control API: what `up`, tests and benches start. */
import assert from 'node:assert/strict'
import type { Cluster } from './cluster/cluster.ts'
import type { ClusterOptions } from './cluster/options.ts'
import { type ChooseStrategy, controlServer, type ControlServer } from './control/server.ts'
import type { FaultController } from './faults/controller.ts'
import type { Run } from './run.ts'
import { Runs } from './runs.ts'
import { Warden } from './supervise/warden.ts'
import type { Trace } from './trace/trace.ts'

export interface LabOptions extends ClusterOptions {
  /** 0 picks a free port. */
  readonly controlPort: number
  /** An address of this machine at which the control API is served too, with a token. Default: on loopback only. */
  readonly host?: string
  /** Finds another strategy's store on this machine. Default: the control API offers no other strategy. */
  readonly choose?: ChooseStrategy
}

/** Trace, cluster and faults are those of the newest run. */
export interface Lab {
  readonly trace: Trace
  readonly cluster: Cluster
  readonly faults: FaultController
  readonly control: ControlServer
  /** Calls the listener with the run, and with each later one. */
  follow(listener: (run: Run) => void): () => void
  /** Resolves when the shop answers. */
  start(): Promise<void>
  /** Asks every process to end, and so heals every fault. `cutShort`: why the run did less than was planned. */
  stop(reason: string, cutShort?: string): Promise<void>
  /** Kills every process. */
  kill(): Promise<void>
}

/** Opens everything except the cluster's processes, which `start` starts. Rejects with PortInUseError. */
export async function openLab(options: LabOptions): Promise<Lab> {
  const { controlPort, host, choose } = options
  const warden = new Warden()
  const runs = new Runs(warden)
  const beside = new Runs(warden, 'beside-')
  let control: ControlServer | undefined
  const close = (): Promise<unknown> => Promise.all([control?.close(), warden.close()])
  try {
    await runs.open({ ...options, controlUrl: () => control?.url })
    control = await controlServer({ runs, beside, choose }, controlPort, host)
  } catch (error) {
    await close()
    throw error
  }
  const newest = (): Run => {
    assert(runs.current !== undefined)
    return runs.current
  }
  return {
    get trace() {
      return newest().trace
    },
    get cluster() {
      return newest().cluster
    },
    get faults() {
      return newest().faults
    },
    control,
    follow: (listener) => runs.follow(listener),
    start: () => runs.start(),
    async stop(reason, cutShort) {
      await Promise.all([runs.stop(reason, cutShort), beside.stop(reason, cutShort)])
      await close()
    },
    async kill() {
      await Promise.all([runs.kill(), beside.kill()])
      await close()
    },
  }
}
