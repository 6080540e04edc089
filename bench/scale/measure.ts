/** The largest clusters and crowds that this machine holds: each measurement starts what it needs, and ends it. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { sum, type UsersSecond } from '@ninelives/history'
import { until } from '@ninelives/lab'
import { measureIdleConnections } from '../balancer/idle-connections.ts'
import { type LabProcess, type LabUsers, withLab } from '../harness/lab-under-test.ts'
import { cpuMicrosOf } from '../harness/processes/cpu-time.ts'
import { watchOthers } from '../harness/processes/machine-load.ts'
import { median } from '../harness/statistics.ts'
import { meshCluster } from '../replication/cluster.ts'
import { measureJoining } from '../replication/joining.ts'
import type { Filled, Full, Memory } from '../replication/questions.ts'

export interface ClusterCost {
  /** Milliseconds of CPU a second, of all nodes. */
  readonly nodesCpu: number
  readonly balancerCpu: number
  readonly nodeBytes: number
  readonly balancerBytes: number
  /** What others had of the machine meanwhile, 0 to 1. */
  readonly othersShare: number
}

export interface CrowdServed extends ClusterCost {
  readonly sent: number
  /** Not served, or without an answer. */
  readonly failed: number
  readonly loggedOut: number
  readonly lost: number
  /** The median of the seconds' own. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** The lateness of the virtual users themselves. */
  readonly lateMs: number
  /** Until nearly all of them were logged in. */
  readonly allInAfterMs: number
}

export interface SessionsHeld {
  readonly nodes: number
  readonly copies: number
  readonly jsonBytes: number
  /** Growth of one node's heap for each copy that it holds. */
  readonly bytesPerCopy: number
  readonly nodeHeapBytes: number
  /** After its start, until a node that had died held all its copies again. */
  readonly fullAfterMs: number
}

const SETTLE_MS = 15_000
const MEASURED_MS = 30_000
const LOGIN_DEADLINE_MS = 300_000
const ALMOST_ALL = 0.98
const FILL_STEP = 10_000
const FIRST_SESSIONS = 100

export function idleCluster(strategy: string, nodes: number): Promise<ClusterCost> {
  return withLab(strategy, nodes, async ({ processes }) => {
    await sleep(SETTLE_MS)
    return await clusterCost(processes)
  })
}

export function crowdServed(strategy: string, nodes: number, crowd: LabUsers): Promise<CrowdServed> {
  const use = async ({ processes, trace }: { processes: readonly LabProcess[]; trace: string }) => {
    const beganMs = performance.now()
    // Some have already left again, or are about to come back.
    const areAllIn = (): boolean => (secondsIn(trace).at(-1)?.users.loggedIn ?? 0) >= ALMOST_ALL * crowd.users
    await until(areAllIn, { deadlineMs: LOGIN_DEADLINE_MS, what: 'the users to be logged in', everyMs: 1_000 })
    const allInAfterMs = performance.now() - beganMs
    const cost = await clusterCost(processes)
    return { ...cost, ...served(secondsIn(trace).slice(-MEASURED_MS / 1_000)), allInAfterMs }
  }
  return withLab(strategy, nodes, use, crowd)
}

async function clusterCost(processes: readonly LabProcess[]): Promise<ClusterCost> {
  const of = (role: string): number[] =>
    processes.filter(({ name }) => name.split(' ')[0] === role).map(({ pid }) => pid)
  const [nodes, balancer] = [of('node'), of('balancer')]
  const [nodesBefore, balancerBefore, beganMs] = [cpuMicrosOf(nodes), cpuMicrosOf(balancer), performance.now()]
  const others = watchOthers()
  await sleep(MEASURED_MS)
  const ms = performance.now() - beganMs
  return {
    nodesCpu: (cpuMicrosOf(nodes) - nodesBefore) / ms,
    balancerCpu: (cpuMicrosOf(balancer) - balancerBefore) / ms,
    nodeBytes: median(nodes.map(residentBytes)),
    balancerBytes: median(balancer.map(residentBytes)),
    othersShare: others() ?? 0,
  }
}

function served(seconds: readonly UsersSecond[]) {
  const total = (figure: (second: UsersSecond) => number): number =>
    seconds.reduce((all, each) => all + figure(each), 0)
  return {
    sent: total(({ sent }) => sent),
    failed: total(({ failed, unknown }) => sum(failed) + sum(unknown)),
    loggedOut: total(({ loggedOut }) => loggedOut),
    lost: total(({ lost }) => lost),
    p50Ms: median(seconds.map(({ latencyMs }) => latencyMs.p50)),
    p99Ms: median(seconds.map(({ latencyMs }) => latencyMs.p99)),
    lateMs: median(seconds.map(({ lateMs }) => lateMs)),
  }
}

/** A million sessions that each of three nodes holds. */
export async function replicatedSessions(sessions: number): Promise<SessionsHeld> {
  const { jsonBytes, heapBytes, fullAfterMs } = await measureJoining(sessions)
  return { nodes: 3, copies: 3, jsonBytes, bytesPerCopy: heapBytes, nodeHeapBytes: heapBytes * sessions, fullAfterMs }
}

/** Each session on its owner and two backups. */
export async function clusteredSessions(sessions: number, nodes: number): Promise<SessionsHeld> {
  const cluster = await meshCluster('clustered', nodes)
  const heap = async (): Promise<number> => {
    const all = await cluster.ask<Memory>({ ask: 'memory' })
    return all.reduce((total, { heapBytes }) => total + heapBytes, 0)
  }
  try {
    await cluster.ask({ ask: 'fill', sessions: FIRST_SESSIONS })
    const before = await heap()
    let jsonBytes = 0
    // In steps, so that no answer is late.
    for (let left = Math.round(sessions / nodes); left > 0; left -= FILL_STEP) {
      const filled = await cluster.ask<Filled>({ ask: 'fill', sessions: Math.min(left, FILL_STEP) })
      jsonBytes = filled[0]?.jsonBytes ?? 0
    }
    const grown = (await heap()) - before
    const { sessions: held } = await cluster.usage()
    const copies = held / (nodes * (Math.round(sessions / nodes) + FIRST_SESSIONS))
    const joining = await cluster.replace(nodes - 1)
    // Rendezvous hashing gives no node exactly its share.
    const { fullAfterMs } = await joining.ask<Full>({ ask: 'full', sessions: (0.9 * held) / nodes })
    return { nodes, copies, jsonBytes, bytesPerCopy: grown / held, nodeHeapBytes: grown / nodes, fullAfterMs }
  } finally {
    cluster.stop()
  }
}

/** Bytes of the balancer's memory for each. */
export async function idleConnections(count: number): Promise<number> {
  const { before, held } = await measureIdleConnections(count)
  return (held.rssBytes - before.rssBytes) / count
}

function secondsIn(trace: string): UsersSecond[] {
  // The last line may be half written.
  const lines = readFileSync(trace, 'utf8').split('\n').slice(0, -1)
  return lines.filter((line) => line.includes('"users-second"')).map((line) => JSON.parse(line) as UsersSecond)
}

function residentBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1_024
}
