/** The result of the bench of idle clusters, and its tables for a terminal and bench/README.md. */
import { aligned } from '../harness/command/table.ts'
import type { Environment } from '../harness/environment.ts'
import { withBlock } from '../harness/marked-block.ts'
import { doubtOfTimes } from '../harness/processes/machine-load.ts'
import { median } from '../harness/statistics.ts'
import { markdownTable } from '../report/drawing/markdown-table.ts'

export const IDLE_SCHEMA = 1

export interface IdleCost {
  /** Of a process; a node is called `node NAME`. */
  readonly name: string
  readonly cpuMsPerSecond: number
  readonly wakeUpsPerSecond: number
}

export interface IdleRow {
  /** A strategy, or the bare server. */
  readonly title: string
  readonly costs: readonly IdleCost[]
  /** What others had of the machine meanwhile, 0 to 1. */
  readonly othersShare: number
}

export interface IdleResult {
  readonly schema: typeof IDLE_SCHEMA
  readonly bench: 'idle'
  readonly startedAt: string
  readonly environment: Environment
  readonly nodes: number
  readonly seconds: number
  readonly rows: readonly IdleRow[]
}

/** Milliseconds of CPU a second. */
export const GOALS: Readonly<Record<string, number>> = { node: 3, balancer: 5 }
export const BARE = 'a bare Node server, probed as often'
/** A process of the lab's own shows the title that it gave itself, cut off. */
const NO_STORE = /^(?:lab|node|balancer|ninelives-.*)$/

/** What a process is, without its own name. */
const roleOf = ({ name }: IdleCost): string => name.split(' ', 1).join()

export function isOver(cost: IdleCost): boolean {
  return cost.cpuMsPerSecond > (GOALS[roleOf(cost)] ?? Infinity)
}

/** Every process of one row, for a terminal. */
export function rowTable({ title, costs, othersShare }: IdleRow): string {
  const sum = (figure: (cost: IdleCost) => number): string =>
    costs.reduce((total, cost) => total + figure(cost), 0).toFixed(1)
  const rows = [
    [title, 'CPU ms/s', 'wake-ups/s', `others had ${Math.round(100 * othersShare)} %`],
    ...costs.map(processCells),
    ['  all', sum((cost) => cost.cpuMsPerSecond), sum((cost) => cost.wakeUpsPerSecond), ''],
  ]
  return aligned(rows, 3)
}

function processCells(cost: IdleCost): string[] {
  return [
    `  ${cost.name}`,
    cost.cpuMsPerSecond.toFixed(1),
    cost.wakeUpsPerSecond.toFixed(1),
    isOver(cost) ? 'over its goal' : '',
  ]
}

export function idleMarkdown({ environment, nodes, seconds, startedAt, rows }: IdleResult): string {
  const { cores, processor, node, commit, busy } = environment
  const table = markdownTable([
    ['CPU ms/s (wake-ups/s)', 'a node, median', 'balancer', "store's server"],
    ...rows.map(({ title, costs }) => [
      title,
      cell(costs.filter((each) => roleOf(each) === 'node' || each.name === BARE)),
      cell(costs.filter((each) => roleOf(each) === 'balancer')),
      cell(costs.filter((each) => !NO_STORE.test(roleOf(each)) && each.name !== BARE)),
    ]),
  ])
  const over = rows.filter(({ costs }) => costs.some(isOver)).map(({ title }) => title)
  const goals = over.length === 0 ? 'every process reached that' : `missed by a process of ${over.join(', ')}`
  const caption =
    `${nodes} nodes, ${seconds} s each. A node is to take at most ${GOALS['node']} ms/s, and the balancer ${GOALS['balancer']}: ${goals}. ` +
    `${cores} × ${processor}, Node ${node.replace('v', '')}, ${startedAt.slice(0, 10)}, commit ${commit.slice(0, 10)}.` +
    doubtOfTimes(busy, Math.max(0, ...rows.map(({ othersShare }) => othersShare)))
  return `${table}\n\n${caption}`
}

export function withIdle(page: string, result: IdleResult): string {
  return withBlock(page, 'idle', idleMarkdown(result))
}

function cell(costs: readonly IdleCost[]): string {
  if (costs.length === 0) return ''
  const [cpu, wakeUps] = [costs.map((cost) => cost.cpuMsPerSecond), costs.map((cost) => cost.wakeUpsPerSecond)]
  return `${median(cpu).toFixed(1)} (${median(wakeUps).toFixed(0)})`
}
