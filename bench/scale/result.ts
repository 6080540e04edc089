/** The result of the bench, and its table for a terminal and SCALE.md. */
import type { Environment } from '../harness/environment.ts'
import { doubtOfTimes } from '../harness/processes/machine-load.ts'
import { withBlock } from '../harness/marked-block.ts'
import { markdownTable } from '../report/drawing/markdown-table.ts'
import type { ClusterCost, CrowdServed, SessionsHeld } from './measure.ts'

export const SCALE_SCHEMA = 1

export interface ScaleResult {
  readonly schema: typeof SCALE_SCHEMA
  readonly startedAt: string
  readonly environment: Environment
  readonly rows: readonly ScaleRow[]
}

export type ScaleRow =
  | ({ readonly of: 'nodes'; readonly strategy: string; readonly nodes: number } & ClusterCost)
  | ({
      readonly of: 'users'
      readonly strategy: string
      readonly nodes: number
      readonly users: number
      readonly rate: number
    } & CrowdServed)
  | ({ readonly of: 'sessions'; readonly strategy: string; readonly sessions: number } & SessionsHeld)
  | { readonly of: 'connections'; readonly connections: number; readonly bytesEach: number }
  | { readonly of: 'failed'; readonly what: string; readonly why: string }

const HEADS = ['', 'CPU, ms/s', 'memory', 'seen']
const MB = 1e6
const KIB = 1_024

export function scaleRows({ rows }: ScaleResult): string[][] {
  return [HEADS, ...rows.map(cells)]
}

function cells(row: ScaleRow): string[] {
  switch (row.of) {
    case 'nodes':
      return [`${row.nodes} idle nodes, ${row.strategy}`, cpu(row), memory(row), '']
    case 'users': {
      const seen = [
        `p50 ${ms(row.p50Ms)}, p99 ${ms(row.p99Ms)}`,
        `${n(row.failed)} of ${n(row.sent)} failed, ${n(row.loggedOut)} logouts, ${n(row.lost)} items lost`,
        `all logged in after ${seconds(row.allInAfterMs)}`,
      ]
      return [
        `${n(row.users)} users, ${n(row.rate)} operations a second, ${row.nodes} nodes, ${row.strategy}`,
        cpu(row),
        memory(row),
        seen.join('; '),
      ]
    }
    case 'sessions':
      return [
        `${n(row.sessions)} idle sessions, ${row.nodes} nodes, ${row.strategy}`,
        '',
        `${mb(row.nodeHeapBytes)} a node: ${n(row.bytesPerCopy)} B for each copy, its JSON of ${n(row.jsonBytes)} included`,
        `${row.copies.toFixed(0)} copies; a node that died has all of its own again ${seconds(row.fullAfterMs)} after its start`,
      ]
    case 'connections':
      return [
        `${n(row.connections)} idle keep-alive connections`,
        '',
        `balancer ${(row.bytesEach / KIB).toFixed(1)} KiB each`,
        '',
      ]
    case 'failed':
      return [row.what, '', '', `gave way: ${row.why}`]
    default:
      return row satisfies never
  }
}

/** What was measured, as a page has it. */
export function scaleMarkdown(result: ScaleResult): string {
  const { cores, memoryBytes, processor, node, commit, busy } = result.environment
  const othersShare = Math.max(0, ...result.rows.map((row) => ('othersShare' in row ? row.othersShare : 0)))
  const caption =
    `CPU and memory of all nodes and of the balancer, over 30 s; operations and their latency over the same time. ` +
    `${cores} × ${processor}, ${mb(memoryBytes)}, Node ${node.replace('v', '')}, ${result.startedAt.slice(0, 10)}, commit ${commit.slice(0, 10)}.` +
    doubtOfTimes(busy, othersShare)
  return `${markdownTable(scaleRows(result))}\n\n${caption}`
}

export function withScale(page: string, result: ScaleResult): string {
  return withBlock(page, 'scale', scaleMarkdown(result))
}

function cpu({ nodesCpu, balancerCpu }: ClusterCost): string {
  return `nodes ${n(nodesCpu)}, balancer ${n(balancerCpu)}`
}

function memory({ nodeBytes, balancerBytes }: ClusterCost): string {
  return `${mb(nodeBytes)} a node, balancer ${mb(balancerBytes)}`
}

function n(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function mb(bytes: number): string {
  return `${n(bytes / MB)} MB`
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}

function seconds(value: number): string {
  return `${(value / 1_000).toFixed(1)} s`
}
