/** One cell of the matrix: a cluster is started, broken by the faults of the column, and judged. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TraceEvent } from '@ninelives/history'
import {
  campaign,
  labBreaker,
  lastLook,
  parsePlanned,
  placeOf,
  planProblem,
  reportOf,
  type RunReport,
  seededRandom,
  TraceFile,
} from '@ninelives/lab'
import { type ClusterUnderTest, type Contestant, openCluster, storeOf } from '../harness/cluster-under-test.ts'
import { type Column, wishesOf } from './columns.ts'
import type { AnomalyFound, Cell, CellFound, MatrixOptions } from './result.ts'

const NODES = 3
const RESTART_AFTER_MS = 700
const WARM_UP_MS = 2_000
/** Of a cell without faults, for each fault of the others. */
const WITHOUT_FAULT_MS = 2_000
/** A cell that takes longer is cut short, and is judged by what it has. */
const FAULT_MAX_MS = 15_000

const untold = (): void => undefined

/** Rejects only when the signal aborts. */
export async function runCell(
  contestant: Contestant,
  column: Column,
  options: MatrixOptions,
  seed: number,
  signal: AbortSignal,
): Promise<Cell> {
  const place = { row: contestant.name, column: column.name }
  const impossible = whyImpossible(contestant, column, options)
  if (impossible !== undefined) return { ...place, impossible }
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-matrix-'))
  let cluster: ClusterUnderTest | undefined
  try {
    const kinds = column.kinds(storeOf(contestant))
    cluster = await openCluster(contestant, {
      nodes: NODES,
      users: options.users,
      rate: options.operationsPerSecond,
      tabs: column.tabs,
      together: column.tabs > 1,
      ...wishesOf(kinds),
      usersLater: true,
      restartAfterMs: RESTART_AFTER_MS,
      seed,
      directory,
    })
    await broken(cluster, kinds, options, seed, signal)
    return { ...place, found: foundOf(reportOf(new TraceFile(cluster.lab.trace.path))) }
  } catch (error) {
    signal.throwIfAborted()
    return { ...place, failed: (error as Error).message }
  } finally {
    await cluster?.lab.kill()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Why the fault can't fall on it, or why it can't take part on this machine. */
export function whyImpossible(
  contestant: Contestant,
  column: Column,
  { users }: Pick<MatrixOptions, 'users'>,
): string | undefined {
  const { missing, strategy } = contestant
  if (missing !== undefined) return missing
  const choice = storeOf(contestant)
  const kinds = column.kinds(choice)
  const place = placeOf(kinds, choice, NODES, users)
  for (const kind of kinds) {
    const planned = parsePlanned(kind)
    const why = planned && planProblem(planned, place)
    // The rest of the problem says what the fault takes, for a command line.
    if (why !== undefined) return `${strategy.name}: ${why.split(';')[0]}`
  }
  return undefined
}

async function broken(
  cluster: ClusterUnderTest,
  kinds: readonly string[],
  { faults }: MatrixOptions,
  seed: number,
  signal: AbortSignal,
): Promise<void> {
  const { lab } = cluster
  await cluster.startUsers()
  await sleep(WARM_UP_MS, undefined, { signal })
  const late = AbortSignal.timeout(faults * FAULT_MAX_MS)
  let cutShort: string | undefined
  if (kinds.length === 0) await sleep(faults * WITHOUT_FAULT_MS, undefined, { signal })
  else {
    try {
      const either = AbortSignal.any([signal, late])
      await campaign(labBreaker(lab), {
        kinds,
        count: faults,
        random: seededRandom(seed),
        signal: either,
        onFault: untold,
      })
      if (late.aborted) cutShort = 'the cell took too long'
    } catch (error) {
      // It did not recover: what was recorded is judged.
      cutShort = (error as Error).message
    }
  }
  signal.throwIfAborted()
  const isAnywhere = lab.trace.state.strategy.routing !== 'affinity'
  await lastLook(lab.cluster.users, isAnywhere ? lab.cluster.nodes.map(({ name, url }) => ({ name, url })) : [])
  await lab.stop('measured', cutShort)
}

function foundOf(report: RunReport): CellFound {
  const { verdict, frame } = report
  const { failed, unknown } = frame.whys
  const unserved = [...failed, ...unknown].reduce((sum, [why, times]) => (why === 'logged-out' ? sum : sum + times), 0)
  const { operations, sessions, writes, faults, doubts } = verdict
  return {
    verdict: verdict.verdict,
    doubts,
    faults,
    sessions,
    writes,
    operations: operations.ok + operations.failed + operations.unknown,
    unserved,
    anomalies: verdict.anomalies.map((anomaly): AnomalyFound => {
      const evidence = report.evidence.get(anomaly.kind) ?? []
      return {
        kind: anomaly.kind,
        times: anomaly.times,
        text: anomaly.worst.text,
        evidence,
        around: around(evidence, frame.events),
      }
    }),
    interleavings: Object.fromEntries(verdict.interleavings.map(({ name, times }) => [name, times])),
  }
}

/** The faults and deaths of the time of these operations. */
function around(evidence: readonly TraceEvent[], events: readonly TraceEvent[]): readonly TraceEvent[] {
  const times = evidence.map(({ atMs }) => atMs)
  const [fromMs, untilMs] = [Math.min(...times), Math.max(...times)]
  const confirmed = events.filter(
    ({ type, atMs }) => (type === 'fault-confirmed' || type === 'node-up') && atMs >= fromMs && atMs <= untilMs,
  )
  const ids = new Set(confirmed.map((event) => ('fault' in event ? event.fault : '')))
  return events.filter(
    (event) => confirmed.includes(event) || (event.type === 'fault-injected' && ids.has(event.fault)),
  )
}
