/** The tables of the strategies in README.md and docs/stores, from the proofs alone. */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { strategies, UsageError } from '@ninelives/lab'
import { percent } from '../report/drawing/figures.ts'
import { markdownTable } from '../report/drawing/markdown-table.ts'
import { type Broken, FAULTS, KINDS, type Proof, type Proofs, TABS, USERS } from './proofs.ts'

/** README.md's. */
const BRIEF_BLOCK = /(<!-- strategies in brief -->).*?(<!-- \/strategies -->)/gs
/** Names of strategies after the colon are its rows; without them it has all. */
const BLOCK = /(<!-- strategies(?:: ([a-z, ]+))? -->).*?(<!-- \/strategies -->)/gs

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Their paths. */
export function pagesWithTables(): string[] {
  return globSync(['README.md', 'docs/stores/*.md'], { cwd: ROOT }).map((page) => join(ROOT, page))
}

const LOST_HEADS = [
  `lost when nodes failed ${FAULTS.nodes} times`,
  `lost when the store failed ${FAULTS.store} times`,
] as const

const FAULTS_TOLD = `nodes: ${KINDS.nodes.join(', ')}; stores: ${KINDS.store.map((kind) => kind.replace('@store', '')).join(', ')}`

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
  hybrid: "Redis, PostgreSQL or SQLite, with copies in each node's memory",
}

export function strategiesTable(
  { proofs, processor, node }: Proofs,
  names = strategies.map(({ name }) => name),
): string {
  const unknown = names.find((name) => !strategies.some((strategy) => strategy.name === name))
  if (unknown !== undefined) throw new UsageError(`a table asks for the strategy "${unknown}", and there is none`)
  const heads = ['strategy', 'routing', 'where sessions are', ...LOST_HEADS]
  const chosen = strategies.filter(({ name }) => names.includes(name))
  const rows = chosen.map(({ name, routing }) => [
    name,
    ROUTINGS[routing],
    PLACES[name] ?? '',
    cell(proofs, name, 'nodes'),
    cell(proofs, name, 'store'),
  ])
  const isOnRedis = names.includes('redis') || names.includes('hybrid')
  const ofRedis = isOnRedis ? " The lab's Redis keeps nothing on disk." : ''
  const caption = `Seen by \`prove\`, one run each: ${USERS} users with ${TABS} tabs, three nodes (faults of ${FAULTS_TOLD}).${ofRedis} ${processor}, Node ${node.slice(1)}. \`npm run bench:proofs\` makes it again.`
  return `${markdownTable([heads, ...rows])}\n\n${caption}`
}

/** All strategies in cells of a few words. */
export function strategiesInBrief({ proofs, processor, node }: Proofs): string {
  const heads = ['strategy', 'where sessions are', ...LOST_HEADS]
  const rows = strategies.map(({ name }) => [
    name,
    PLACES[name] ?? '',
    briefCell(proofs, name, 'nodes'),
    briefCell(proofs, name, 'store'),
  ])
  const caption = `Seen by \`prove\`, one run each: ${USERS} users with ${TABS} tabs, three nodes (faults of ${FAULTS_TOLD}). The lab's Redis keeps nothing on disk. ${processor}, Node ${node.slice(1)}. [The counts](docs/stores/README.md#what-each-strategy-lost) are with the stores; \`npm run bench:proofs\` makes both again.`
  return `${markdownTable([heads, ...rows])}\n\n${caption}`
}

/** The text with a table between each two of its markers, and nothing else changed. */
export function withStrategies(markdown: string, proofs: Proofs): string {
  const inBrief = markdown.replaceAll(BRIEF_BLOCK, (_block, begin: string, end: string) => {
    return `${begin}\n\n${strategiesInBrief(proofs)}\n\n${end}`
  })
  return inBrief.replaceAll(BLOCK, (_block, begin: string, names: string | undefined, end: string) => {
    return `${begin}\n\n${strategiesTable(proofs, names?.split(', '))}\n\n${end}`
  })
}

function cell(proofs: readonly Proof[], strategy: string, broken: Broken): string {
  const found = proofs.filter((proof) => proof.strategy === strategy && proof.broken === broken)
  if (found.length === 0) return '–'
  return found.map((proof) => (found.length === 1 ? '' : `${variant(proof)}: `) + outcome(proof)).join('; ')
}

/** One outcome, where all engines have the same; otherwise each with its engine. */
function briefCell(proofs: readonly Proof[], strategy: string, broken: Broken): string {
  const found = proofs.filter((proof) => proof.strategy === strategy && proof.broken === broken)
  const usual = found.filter(({ write }) => write === undefined)
  const outcomes = new Set(usual.map(briefOutcome))
  const told = outcomes.size === 1 ? [...outcomes] : usual.map((proof) => `${variant(proof)}: ${briefOutcome(proof)}`)
  const others = found
    .filter((proof) => !usual.includes(proof))
    .map((proof) => `${variant(proof)}: ${briefOutcome(proof)}`)
  return [...told, ...others].join('; ') || '–'
}

function briefOutcome({ write, verdict, sessions, writes, anomalies }: Proof): string {
  if (verdict === 'unknown') return 'unknown'
  if (verdict === 'valid') return 'nothing'
  if (sessions.lost > 0) return `${percent(sessions.lost / sessions.begun)} of sessions`
  if (writes.lost > 0) {
    // What was waiting to be written when its node died is lost, however it looks from outside.
    const toTabs = write === undefined && anomalies.every(({ kind }) => OF_TABS.has(kind)) ? ', to two tabs' : ''
    return `${percent(writes.lost / writes.acknowledged)} of writes${toTabs}`
  }
  return anomalies.map(({ kind }) => kind).join(', ')
}

/** Two tabs of a user do these to each other without any fault. */
const OF_TABS: ReadonlySet<string> = new Set(['lost-update', 'back-in-time'])

const OWN_ENGINES: Readonly<Record<string, string>> = { database: 'sqlite', hybrid: 'redis' }

function variant({ strategy, database, write }: Proof): string {
  return write === undefined ? (database ?? OWN_ENGINES[strategy] ?? strategy) : `write ${write}`
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
