import { type ClusterState, count } from '@ninelives/history'
import type { Paint } from './paint.ts'

export interface Greeting {
  readonly controlUrl: string
  /** The live page for other devices. */
  readonly elsewhereUrl?: string
  /** That as a picture for a camera, where the terminal can show one. */
  readonly elsewhereCode?: string
  /** What the terminal's keys do, if it has some. */
  readonly keys?: string
}

/** The text that is shown when the cluster is ready. */
export function greeting(
  state: ClusterState,
  paint: Paint,
  { controlUrl, elsewhereUrl, elsewhereCode = '', keys }: Greeting,
): string {
  const { strategy, store, balancer, nodes, users } = state
  const victim = nodes[1] ?? nodes[0]
  const body = `'{"kind":"kill","target":"${victim?.name}"}'`
  const rows: [string, string][] = [
    ['Shop', paint('bold', balancer.url ?? '')],
    ['Live page', paint('bold', controlUrl)],
    ...(elsewhereUrl === undefined ? [] : [['Other device', paint('bold', elsewhereUrl)] satisfies [string, string]]),
    ['Strategy', `${strategy.name}: ${strategy.summary}`],
    ['Store', store],
    ['Nodes', nodes.map(({ name, pid }) => `${name} (pid ${pid})`).join(', ')],
    ['Users', users.all === 0 ? 'none' : `${users.all} virtual ones, ${users.rate} operations a second`],
    ['Kill a node', `curl -X POST ${controlUrl}/api/faults -d ${body}`],
    ['', `or: kill -9 ${victim?.pid}`],
    ...(keys === undefined ? [] : [['Keys', keys] satisfies [string, string]]),
    ['Stop', 'Ctrl-C'],
  ]
  return `\n${rows.map(([left, right]) => `  ${left.padEnd(13)}${right}\n`).join('')}${elsewhereCode}`
}

export function farewell(state: ClusterState, tracePath: string): string {
  const { users, nodes, atMs } = state
  const { sent, errors, loggedOut, lost } = users.totals
  const deaths = nodes.reduce((sum, node) => sum + node.deaths, 0)
  const figures = [
    count(sent, 'operation'),
    `${errors} failed`,
    count(loggedOut, 'logout'),
    `${count(lost, 'cart item')} lost`,
  ]
  const met = users.all === 0 ? '' : `: ${figures.join(', ')}`
  return `Stopped after ${duration(atMs)}${met}; ${count(deaths, 'node death')}. Trace: ${tracePath}`
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
