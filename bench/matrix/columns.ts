/** The columns of the matrix: what each contestant goes through. */
import { isFailover, needsEdges, type Choice } from '@ninelives/lab'

export interface Column {
  readonly name: string
  /** At most twelve characters a line. */
  readonly title: readonly string[]
  /** In one sentence. */
  readonly about: string
  /** The faults, in turn, as `prove --faults` names them; none: the users alone. */
  readonly kinds: (choice: Choice) => readonly string[]
  /** Tabs of each user. With one, no loss comes from tabs. */
  readonly tabs: number
}

const TABS = 3

function of(...kinds: readonly string[]): Pick<Column, 'kinds' | 'tabs'> {
  return { kinds: () => kinds, tabs: 1 }
}

export const columns: readonly Column[] = [
  {
    name: 'tabs',
    title: ['three tabs,', 'no fault'],
    about: 'users with three tabs, and nothing breaks',
    kinds: () => [],
    tabs: TABS,
  },
  { name: 'kill', title: ['node', 'killed'], about: 'SIGKILL to a node', ...of('kill') },
  {
    name: 'crash-before',
    title: ['crash before', 'the commit'],
    about: 'a node dies in a request, before it commits',
    ...of('crash:before-commit'),
  },
  {
    name: 'crash-after',
    title: ['crash after', 'the commit'],
    about: 'a node dies in a request, after the commit and before the answer',
    ...of('crash:after-commit'),
  },
  { name: 'pause', title: ['node', 'paused'], about: 'SIGSTOP to a node for up to two seconds', ...of('pause') },
  { name: 'drain', title: ['node', 'drained'], about: 'SIGTERM to a node, as in a deployment', ...of('drain') },
  {
    name: 'rolling',
    title: ['rolling', 'deploy'],
    about: 'every node drains and comes back, one after the other',
    ...of('rolling'),
  },
  {
    name: 'partition',
    title: ['node cut off', 'from store'],
    about: 'a node is cut off from the store, or from the other nodes where these keep the sessions',
    ...of('partition'),
  },
  {
    name: 'slow-store',
    title: ['slow', 'store'],
    about: 'the store, or a node that keeps sessions, answers late for up to two seconds',
    kinds: ({ server }) => [server === undefined ? 'latency@a>*' : 'latency@*>store'],
    tabs: 1,
  },
  {
    name: 'store-kill',
    title: ['store', 'killed'],
    about: "SIGKILL to the store's server, which starts again",
    ...of('kill@store'),
  },
  {
    name: 'failover',
    title: ['store', 'failover'],
    about: 'the store dies, and its replica takes over',
    ...of('failover'),
  },
  {
    name: 'eviction',
    title: ['store', 'evicts'],
    about: "the store's memory is full for a moment, and it evicts",
    ...of('eviction'),
  },
]

export function wishesOf(kinds: readonly string[]): { readonly edges: boolean; readonly replica: boolean } {
  return { edges: kinds.some(needsEdges), replica: kinds.some(isFailover) }
}
