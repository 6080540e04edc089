/** The result of the bench, and its table for a terminal and the README of the session layer. */
import type { Environment } from '../harness/environment.ts'
import { withBlock } from '../harness/marked-block.ts'
import { doubtOfTimes } from '../harness/processes/machine-load.ts'
import { markdownTable } from '../report/drawing/markdown-table.ts'
import type { HttpBeside } from './http-beside.ts'

export const SOCKETS_SCHEMA = 2

export interface SocketsResult {
  readonly schema: typeof SOCKETS_SCHEMA
  readonly startedAt: string
  readonly environment: Environment
  readonly rows: readonly SocketsRow[]
}

export interface SocketsRow {
  readonly strategy: string
  readonly sockets: number
  readonly nodeBytesPerSocket: number
  readonly balancerBytesPerSocket: number
  /** Of each node. */
  readonly idleNodeMsPerSecond: number
  readonly nodeMicrosPerMove: number
  readonly balancerMicrosPerMove: number
  readonly moves: number
  /** The sockets of the node that was killed. */
  readonly hit: number
  readonly backMs: number
  readonly largestShare: number
  /** Before the kill, and from it until everyone was back. */
  readonly http: readonly [before: HttpBeside, meanwhile: HttpBeside]
  readonly othersShare: number | undefined
}

const HEADS = [
  'strategy',
  'sockets',
  'KiB each, node',
  'balancer',
  'idle node, ms/s',
  'µs a move, nodes',
  'balancer',
  'all back after a kill',
  'largest share',
  'HTTP, longest, ms',
  'HTTP failed',
]
const KIB = 1_024

export function socketsRows({ rows }: SocketsResult): string[][] {
  return [HEADS, ...rows.map(cells)]
}

function cells(row: SocketsRow): string[] {
  const [before, meanwhile] = row.http
  return [
    row.strategy,
    n(row.sockets),
    (row.nodeBytesPerSocket / KIB).toFixed(1),
    (row.balancerBytesPerSocket / KIB).toFixed(1),
    row.idleNodeMsPerSecond.toFixed(1),
    n(row.nodeMicrosPerMove),
    n(row.balancerMicrosPerMove),
    `${n(row.hit)} in ${(row.backMs / 1_000).toFixed(1)} s`,
    `${n(100 * row.largestShare)} %`,
    `${before.longestMs.toFixed(1)} → ${meanwhile.longestMs.toFixed(1)}`,
    `${n(before.failed + meanwhile.failed)} of ${n(before.sent + meanwhile.sent)}`,
  ]
}

export function socketsMarkdown(result: SocketsResult): string {
  const { cores, processor, node, commit, busy } = result.environment
  const share = Math.max(0, ...result.rows.map(({ othersShare = 0 }) => othersShare))
  const caption =
    `Three nodes behind the balancer, and all the clients, on one machine of ${cores} cores (${processor}), Node ${node.replace('v', '')}, ` +
    `${result.startedAt.slice(0, 10)}, commit ${commit.slice(0, 10)}. Eight sockets a session; a move is acknowledged and told to others. HTTP: the reads of one more ` +
    `customer, 50 a second, before the kill → until all were back.` +
    doubtOfTimes(busy, share)
  return `${markdownTable(socketsRows(result))}\n\n${caption}`
}

export function withSockets(page: string, result: SocketsResult): string {
  return withBlock(page, 'sockets', socketsMarkdown(result))
}

function n(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
