/** The faults of the bench, each confirmed and marked in the trace. The lab starts dead processes again. */
import { isWhole } from '@ninelives/history'
import { until } from '@ninelives/lab'
import type { ClusterUnderTest } from '../../harness/cluster-under-test.ts'
import type { BreakName } from '../../scenarios/scenario.ts'
import { faultBegun, faultEnded } from './marks.ts'

interface Broken {
  readonly target: string
  readonly nodes: readonly string[]
}

/** The target of a fault that did not land. */
export const NEVER_LANDED = 'unknown'
const WHOLE_DEADLINE_MS = 30_000
const GONE_DEADLINE_MS = 3_000

const breaks: Readonly<Record<BreakName, (cluster: ClusterUnderTest) => Promise<Broken>>> = {
  async kill(cluster) {
    const target = await cluster.kill('random')
    return { target, nodes: [target] }
  },

  async rolling(cluster) {
    const names = cluster.lab.cluster.nodes.map(({ name }) => name)
    for (const target of names) {
      await cluster.lab.faults.inject({ kind: 'drain', target })
      await whole(cluster)
    }
    return { target: names.join(), nodes: names }
  },

  async store(cluster) {
    const [pid] = cluster.pids().store
    if (pid === undefined) throw new Error('the store is not a process of the bench')
    process.kill(pid, 'SIGKILL')
    const isGone = (): boolean => !cluster.pids().store.includes(pid)
    await until(isGone, { deadlineMs: GONE_DEADLINE_MS, what: 'the store to be gone' })
    return { target: 'store', nodes: [] }
  },
}

/** Resolves once the fault landed or failed to; the trace says which. */
export async function breakIt(cluster: ClusterUnderTest, name: BreakName): Promise<void> {
  const { trace } = cluster.lab
  trace.append(faultBegun(name))
  try {
    trace.append(faultEnded(await breaks[name](cluster)))
  } catch (error) {
    trace.append(faultEnded({ target: NEVER_LANDED, nodes: [], failed: (error as Error).message }))
  }
}

/** Resolves once every node is up and gets requests again. */
export async function whole({ lab }: ClusterUnderTest): Promise<void> {
  await until(() => isWhole(lab.trace.state), { deadlineMs: WHOLE_DEADLINE_MS, what: 'every node to be back' })
}
