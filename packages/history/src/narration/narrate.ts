import { count, type Counts, sum } from '../trace/counts.ts'
import type { NodeDown, ProcessDown, ProcessName, ProcessNoted, TraceEvent, UsersSecond } from '../trace/events.ts'
import { ownEntry } from './own-entry.ts'
import type { Sentence } from './sentence.ts'
import { faultHealed, faultLanded } from './narrate-faults.ts'
import { type ClusterState, findNode } from '../state.ts'

/**
 * The sentence for an event, or undefined if it deserves no line. The terminal and the live page share these sentences. `before`
 * is the state before the event.
 */
export function narrate(event: TraceEvent, before: ClusterState): Sentence | undefined {
  if (before.phase === 'ended') return undefined
  if (before.phase === 'starting' && newsOnlyOnceReady.has(event.type)) return undefined
  const narrator = ownEntry(narrators, event.type) as Narrator<TraceEvent> | undefined
  return narrator?.(event, before)
}

/** Expected while a cluster starts, so it is not shown then. */
const newsOnlyOnceReady: ReadonlySet<TraceEvent['type']> = new Set([
  'node-down',
  'process-up',
  'process-down',
  'process-noted',
  'upstream-ejected',
  'upstream-readmitted',
])

type Narrator<Event> = (event: Event, before: ClusterState) => Sentence | undefined

const narrators: { readonly [T in TraceEvent['type']]?: Narrator<Extract<TraceEvent, { type: T }>> } = {
  'node-up': ({ node, pid, downForMs }) =>
    downForMs === undefined ? undefined : good(`${nodeLabel(node)} is back after ${seconds(downForMs)}, pid ${pid}`),
  'node-down': nodeDown,
  'node-paused': ({ node }) => bad(`${nodeLabel(node)} is paused: it keeps its connections and answers nothing`),
  'node-resumed': ({ node }) => good(`${nodeLabel(node)} resumed`),
  'node-draining': ({ node }) => plain(`${nodeLabel(node)} drains: it finishes what it has and takes nothing new`),
  'process-up': ({ process, pid }) =>
    process === 'users' || process === 'edges' ? undefined : good(`${processLabel(process)} is up, pid ${pid}`),
  'process-down': (event, before) =>
    bad(`${processLabel(event.process)} died (${causeOf(event)})${processLoss(event.process, before)}`),
  'process-noted': noted,
  'upstream-ejected': ({ upstream, reason }) => plain(`the balancer ejected ${nodeLabel(upstream)}: ${reason}`),
  'upstream-readmitted': ({ upstream, downForMs }) =>
    plain(
      `the balancer readmitted ${nodeLabel(upstream)}${downForMs === undefined ? '' : ` after ${seconds(downForMs)}`}`,
    ),
  'upstream-draining': ({ upstream }) =>
    plain(`the balancer sends ${nodeLabel(upstream)} nothing new: it leaves, or is not ready`),
  'fault-confirmed': ({ fault }, { faults }) => faultLanded(faults.find(({ id }) => id === fault)),
  'fault-healed': ({ fault }, { faults }) => faultHealed(faults.find(({ id }) => id === fault)),
  'fault-failed': ({ fault, reason }, { faults }) => {
    const hasLanded = faults.some(({ id, confirmedAtMs }) => id === fault && confirmedAtMs !== undefined)
    return bad(`fault ${fault} ${hasLanded ? 'is still there' : 'did not land'}: ${reason}`)
  },
  'users-second': usersInTrouble,
}

const processLabels: Readonly<Record<ProcessName, string>> = {
  balancer: 'the balancer',
  redis: 'redis-server',
  postgres: 'PostgreSQL',
  mariadb: 'MariaDB',
  memcached: 'memcached',
  replica: "the store's replica",
  edges: 'the edge process',
  users: 'the process of the virtual users',
}

function processLabel(process: ProcessName): string {
  return ownEntry(processLabels, process) ?? process
}

const FORGETFUL: ReadonlySet<ProcessName> = new Set(['redis', 'memcached'])

/** At a failover the replica has the sessions. */
function processLoss(process: ProcessName, { faults }: ClusterState): string {
  if (!FORGETFUL.has(process) || faults.some(({ kind }) => kind === 'failover')) return ''
  return ', and every session with it: it keeps nothing on disk'
}

function nodeDown(event: NodeDown, before: ClusterState): Sentence {
  const label = nodeLabel(event.node)
  const left = findNode(before, event.node)?.state === 'draining' && event.code === 0
  const held = event.held === 0 ? '' : `, it held ${count(event.held, 'session')}`
  const lived = left ? `${label} has drained and exited` : `${label} died (${causeOf(event)})`
  return { text: `${lived}${held}; ${before.strategy.onNodeDeath}`, tone: left && event.held === 0 ? 'plain' : 'bad' }
}

function noted(
  { process, event, warns, line, detail }: ProcessNoted,
  { needs, nodes }: ClusterState,
): Sentence | undefined {
  if (event === 'crash-point') {
    return bad(`${process} dies at ${String(detail['point'])} of ${String(detail['operation'])}, as ordered`)
  }
  if (event === 'store-awaited') {
    const { reason } = detail
    const why = typeof reason === 'string' ? `: ${reason}` : ''
    const awaited = needs > 1 ? `until ${needs} of ${nodes.length} nodes run` : 'for its session store'
    return bad(`${process} waits ${awaited} before it serves${why}`)
  }
  return warns ? bad(`${process}: ${line ?? event}`) : undefined
}

function causeOf({ code, signal }: NodeDown | ProcessDown): string {
  return signal ?? (code === null ? 'its connection ended' : `exit ${code}`)
}

/** Undefined for a second without failures, logouts and losses. */
function usersInTrouble(second: UsersSecond): Sentence | undefined {
  const { 'logged-out': _counted, ...failed } = second.failed
  const [errors, unknown] = [sum(failed), sum(second.unknown)]
  const parts = [
    second.loggedOut === 0 ? '' : `logged out ${count(second.loggedOut, 'time')}`,
    second.lost === 0 ? '' : `${count(second.lost, 'cart item')} lost`,
    errors === 0 ? '' : `${count(errors, 'request')} failed (${kindsOf(failed)})`,
    unknown === 0 ? '' : `${count(unknown, 'change')} may or may not have been made (${kindsOf(second.unknown)})`,
  ].filter((part) => part !== '')
  return parts.length === 0 ? undefined : bad(`users: ${parts.join(', ')}`)
}

function kindsOf(counts: Counts): string {
  return Object.entries(counts)
    .map(([kind, n]) => `${n} × ${kind}`)
    .join('; ')
}

/** A node's label for people: `node-a` for the node `a`. */
export function nodeLabel(name: string): string {
  return name.startsWith('node-') ? name : `node-${name}`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

function good(text: string): Sentence {
  return { text, tone: 'good' }
}

function bad(text: string): Sentence {
  return { text, tone: 'bad' }
}

function plain(text: string): Sentence {
  return { text, tone: 'plain' }
}
