/** The README's table of the strategies, from the proofs alone. */
import { strategies, UsageError } from '@ninelives/lab'
import { markdownTable } from '../report/drawing/markdown-table.ts'
import { type Broken, FAULTS, KINDS, type Proof, type Proofs, TABS, USERS } from './proofs.ts'

export const BEGIN = '<!-- strategies -->'
export const END = '<!-- /strategies -->'

const ROUTINGS = { 'round-robin': 'takes turns', affinity: 'cookie affinity', 'session-id': 'by session' } as const

const PLACES: Readonly<Record<string, string>> = {
  replicated: "every node's memory, all sessions on each",
  clustered: "the nodes' memory, each session on an owner and two backups",
  memory: "each node's own map",
  sticky: "each node's own map",
  redis: 'Redis',
  memcached: 'Memcached',
  database: 'SQLite, PostgreSQL or MariaDB',
  token: "encrypted in the client's cookie",
  hybrid: "Redis or SQLite, with copies in each node's memory",
}

export function strategiesTable({ proofs, processor, node }: Proofs): string {
  const heads = [
    'strategy',
    'routing',
    'where sessions are',
    `lost to ${FAULTS.nodes} faults of nodes`,
    `to ${FAULTS.store} of the store`,
  ]
  const rows = strategies.map(({ name, routing }) => [
    name,
    ROUTINGS[routing],
    PLACES[name] ?? '',
    cell(proofs, name, 'nodes'),
    cell(proofs, name, 'store'),
  ])
  const kinds = `nodes: ${KINDS.nodes.join(', ')}; stores: kill, pause`
  const caption = `Seen by \`prove\`, one run each: ${USERS} users with ${TABS} tabs, three nodes (${kinds}). The lab's Redis keeps nothing on disk, and hybrid is over it. ${processor}, Node ${node.slice(1)}. \`npm run bench:proofs\` makes it again.`
  return `${markdownTable([heads, ...rows])}\n\n${caption}`
}

/** The text with the table between its markers, and nothing else changed. */
export function withStrategies(readme: string, proofs: Proofs): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)]
  if (begin === -1 || end < begin) throw new UsageError(`the README has no ${BEGIN} with a ${END} after it`)
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${strategiesTable(proofs)}\n\n${readme.slice(end)}`
}

function cell(proofs: readonly Proof[], strategy: string, broken: Broken): string {
  const found = proofs.filter((proof) => proof.strategy === strategy && proof.broken === broken)
  if (found.length === 0) return '–'
  return found.map((proof) => (found.length === 1 ? '' : `${proof.database}: `) + outcome(proof)).join('; ')
}

function outcome({ verdict, sessions, writes, anomalies, doubts }: Proof): string {
  if (verdict === 'unknown') return `unknown: ${doubts[0] ?? ''}`
  if (verdict === 'valid') return `nothing of ${n(sessions.begun)} sessions, ${n(writes.acknowledged)} writes`
  const ofWrites = writes.lost === 0 ? '' : `${n(writes.lost)} of ${n(writes.acknowledged)} writes`
  // What else is found of a session that is gone follows from that.
  if (sessions.lost > 0)
    return [`${n(sessions.lost)} of ${n(sessions.begun)} sessions`, ofWrites].filter(Boolean).join(', ')
  const kinds = anomalies.map(({ kind, times }) => `${kind} ${n(times)} times`).join(', ')
  return ofWrites === '' ? kinds : `${ofWrites} (${kinds})`
}

function n(number: number): string {
  return number.toLocaleString('en-US')
}
