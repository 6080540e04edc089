/** The page of what each strategy survives, from the published results alone. */
import { strategies } from '@ninelives/lab'
import { columns } from '../matrix/columns.ts'
import {
  boundOf,
  boundOfFaults,
  type Cell,
  type CellFound,
  isWrong,
  type Matrix,
  outcomesOf,
  timesOf,
  UNSEEN_OF_100,
} from '../matrix/result.ts'
import { KINDS, type Proof, type Proofs } from '../proofs/proofs.ts'
import { markdownTable } from '../report/drawing/markdown-table.ts'

export interface BrokenResult {
  readonly broken: readonly {
    readonly name: string
    readonly caughtAs: string
    readonly caught: readonly number[]
    readonly missed: readonly number[]
  }[]
}

export interface Published {
  readonly matrix: Matrix
  readonly proofs: Proofs
  /** Undefined before it was measured. */
  readonly broken: BrokenResult | undefined
}

/** What a reader must know of a cell that was measured before something in the lab changed; it goes when the cell is measured again. */
const NOTES: readonly {
  readonly row: string
  readonly column: string
  readonly before: string
  readonly text: string
}[] = [
  {
    row: 'database-postgres',
    column: 'failover',
    before: '2026-11-29T09:39:50Z',
    text: "measured with an asynchronous replica, while the lab's PostgreSQL now waits for its replica",
  },
]

const INTRODUCTION = `# What each strategy survives, and what is unproven

_\`npm run bench:safety\` writes this page from the published results in [bench/results](../../bench/results)._`

export function safetyPage({ matrix, proofs, broken }: Published): string {
  const { options, environment, startedAt, rows } = matrix
  const ours = rows.filter(({ role }) => role === 'strategy')
  const others = rows.filter(({ role }) => role !== 'strategy')
  const parts = [
    INTRODUCTION,
    `Virtual users use a shop behind three nodes while faults fall, and keep what they were told. What is said here is what they saw: ${options.users} users, ${options.operationsPerSecond} operations a second, up to ${options.faults} faults a cell, ${environment.processor}, Node ${environment.node.slice(1)}, ${startedAt.slice(0, 10)}. [Where to keep sessions](choosing.md) says how to choose, and [the README](../../README.md) has all cells in one picture.`,
    `- **Survives**: no session and no acknowledged write was lost, nothing was done twice, nothing was read that was old or ended. “≤ ${Math.round(100 * boundOfFaults(options.faults))} %” is what ${faultsText(options.faults)} without a loss can prove: if a fault lost something more often than that, a run like this would have shown none in fewer than ${UNSEEN_OF_100} of 100 trials. It is no claim that so many are lost.
- **Failed** operations were refused, or got no answer. Their users were told so, and nothing that had been acknowledged is missing.
- **Does not survive**: something was lost, done twice, or wrong, with the counts.
- **Unproven**: the run could not tell, for the reason that it names. That says nothing for the strategy, and nothing against it.
- **Can not have**: the fault has nothing to fall on. A store of your own in the place of the lab's has not been tried.`,
    '## The strategies',
    ...ours.map(({ name }) =>
      [`### ${name}`, aboutOf(name), findings(name, matrix), proofsOf(name, proofs)]
        .filter((part) => part !== '')
        .join('\n\n'),
    ),
    '## What else people run',
    ...others.flatMap(({ name, title }) => [`### ${title}`, findings(name, matrix)]),
    UNPROVEN,
    ...(broken === undefined ? [] : trust(broken)),
    PRIOR_ART,
  ]
  return `${parts.join('\n\n')}\n`
}

/** Empty for a variant of a strategy. */
function aboutOf(row: string): string {
  const strategy = strategies.find(({ name }) => name === row)
  return strategy === undefined ? '' : `${capital(strategy.summary)}.`
}

/** In lists; one that would be empty is left out. */
function findings(row: string, { cells, startedAt }: Matrix): string {
  const own = columns.flatMap(({ name, about }) => {
    const cell = cells.find((each) => each.row === row && each.column === name)
    return cell === undefined ? [] : [{ about, cell }]
  })
  const of = (kind: Finding): string[] =>
    own.flatMap(({ about, cell }) =>
      findingOf(cell) === kind
        ? [`  - ${[`${about}: ${detailsOf(cell)}`, ...notesOf(cell, startedAt)].join('; ')}`]
        : [],
    )
  const reasons = Map.groupBy(
    own.filter(({ cell }) => 'impossible' in cell),
    ({ cell }) => ('impossible' in cell ? whyNot(cell.impossible) : ''),
  )
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ['Survives', of('survives')],
    ['Does not survive', of('fails')],
    ['Unproven', of('unproven')],
    ['Can not have', [...reasons].map(([why, those]) => `  - ${those.map(({ about }) => about).join('; ')}: ${why}`)],
  ]
  return lists
    .filter(([, lines]) => lines.length > 0)
    .map(([head, lines]) => `- **${head}**\n${lines.join('\n')}`)
    .join('\n')
}

function notesOf({ row, column, measuredAt }: Cell, startedAt: string): readonly string[] {
  const atMs = Date.parse(measuredAt ?? startedAt)
  return NOTES.filter((note) => note.row === row && note.column === column && atMs < Date.parse(note.before)).map(
    ({ text }) => text,
  )
}

type Finding = 'survives' | 'fails' | 'unproven' | 'impossible'

function findingOf(cell: Cell): Finding {
  if ('impossible' in cell) return 'impossible'
  if ('failed' in cell) return 'unproven'
  const outcomes = outcomesOf(cell)
  if (outcomes.some((each) => each === 'lost' || each === 'doubled' || each === 'wrong')) return 'fails'
  return cell.found.verdict === 'valid' ? 'survives' : 'unproven'
}

function detailsOf(cell: Cell): string {
  if ('impossible' in cell) return cell.impossible
  if ('failed' in cell) return `it did not run: ${cell.failed}`
  const { found } = cell
  const outcomes = outcomesOf(cell)
  const isBad = findingOf(cell) === 'fails'
  const { sessions, writes, faults } = found
  const parts = isBad
    ? [
        ...(sessions.lost > 0 ? [`${n(sessions.lost)} of ${n(sessions.begun)} sessions lost`] : []),
        ...(writes.lost > 0 ? [`${n(writes.lost)} of ${n(writes.acknowledged)} acknowledged writes lost`] : []),
        ...(outcomes.includes('doubled') ? [`${n(timesOf(found, 'doubled'))} done twice`] : []),
        ...(outcomes.includes('wrong') ? [wrongOf(found)] : []),
        ...(faults.landed > 0 ? [`by ${faultsText(faults.landed)}`] : []),
      ]
    : [kept(found)]
  return [...parts, ...failedOf(found), ...(findingOf(cell) === 'unproven' ? doubtsOf(found) : [])].join('; ')
}

function kept(found: CellFound): string {
  const { faults, sessions, writes } = found
  const of = `nothing lost of ${n(sessions.begun)} sessions and ${n(writes.acknowledged)} writes`
  return faults.landed === 0 ? of : `${of} by ${faultsText(faults.landed)} (≤ ${Math.round(100 * boundOf(found))} %)`
}

function wrongOf({ anomalies }: CellFound): string {
  return anomalies
    .filter(({ kind }) => isWrong(kind))
    .map(({ kind, times }) => `${kind} ${times === 1 ? 'once' : `${n(times)} times`}`)
    .join(', ')
}

function failedOf({ unserved, operations }: CellFound): readonly string[] {
  return unserved === 0 ? [] : [`${n(unserved)} of ${n(operations)} operations failed`]
}

function doubtsOf({ doubts }: CellFound): readonly string[] {
  return doubts.length === 0 ? [] : [`in doubt, because ${doubts[0]}`]
}

/** Without the name of the row, which the heading has, and in words. */
function whyNot(impossible: string): string {
  if (impossible.includes('there is no edge')) return 'nothing leads to another node or to a store of the lab'
  return impossible.replace(/^[\w-]+: /, '').replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())
}

function proofsOf(row: string, { proofs }: Proofs): string {
  const own = proofs.filter((proof) => rowOf(proof) === row)
  if (own.length === 0) return ''
  const lines = own.map((proof) => {
    const { broken, verdict, faults, sessions, writes, anomalies, write, database } = proof
    const kinds = KINDS[broken].join(', ')
    const what = [
      ...(database === undefined || row.endsWith(database) ? [] : [`over ${database}`]),
      ...(write === undefined ? [] : [`with --write ${write}`]),
    ]
    const found = anomalies.length === 0 ? '' : `: ${anomalies.map(({ kind, times }) => `${kind} ${times}`).join(', ')}`
    const lost = `${n(sessions.lost)} of ${n(sessions.begun)} sessions and ${n(writes.lost)} of ${n(writes.acknowledged)} writes lost`
    return `- ${[...what, `${faultsText(faults.landed)} (${kinds})`].join(', ')}: ${verdict}${found}; ${lost}`
  })
  return ['By `prove`, one longer run each:', lines.join('\n')].join('\n\n')
}

function rowOf({ strategy, database }: Proof): string {
  return strategy === 'database' && database === 'postgres' ? 'database-postgres' : strategy
}

function trust({ broken }: BrokenResult): readonly string[] {
  const rows = broken.map(({ name, caughtAs, caught, missed }) => [
    name,
    caughtAs,
    `${caught.length} of ${caught.length + missed.length}`,
  ])
  return [
    `## How far to trust a verdict

A run that finds nothing is worth something only if such a run finds what is there. Each of these is broken on purpose in one way, and is run
by \`prove\` alone, with several seeds. \`npm run prove:broken -- --out bench/results/broken.json\` runs what that file has not, and then
\`npm run bench:safety\` makes the table again.`,
    markdownTable([['broken on purpose', 'must be found as', 'was, in so many runs'], ...rows]),
  ]
}

const UNPROVEN = `## What no run here shows

- All processes are on one machine. The network between them breaks where the lab breaks it (latency, resets, partitions); a real network
  breaks in more ways.
- A rolling deploy restarts the same version. Two versions side by side are not in the matrix; for two given ones
  [\`prove --other-version\`](../../packages/lab/README.md#prove) shows whether sessions cross both ways.
- Losses of power are not in the matrix: [the lab's README](../../packages/lab/README.md#faults) has what was seen of them.
- A full disk is not in the matrix: \`prove --faults full-disk\` plays one, and [a test of each database](../../packages/sessions/test/stores/database/full-disk.test.ts)
  fills one. A disk that lies about what it has synced, and data that rots, are not tested at all.
- Runs last minutes. What takes days to show, such as a leak of memory, does not show.`

const PRIOR_ART = `## Who did this before

- **[clusterbench](https://github.com/clusterbench/clusterbench)** is an application for clusters of Java servers: each servlet counts its calls in the session.
  Its JMeter client compares the count with its own and reports a mismatch as \`INVALID-SERIAL\`. On any error it drops its cookie and begins to
  count anew, so that a session that is lost behind an error is not counted. Here an operation that fails leaves its user with what it knew, and the next answer is compared with that.
- **Keycloak's [\`SessionFailoverClusterTest\`](https://github.com/keycloak/keycloak/blob/ecd43b181d9e53965379b544a011cef4f828852b/testsuite/integration-arquillian/tests/base/src/test/java/org/keycloak/testsuite/cluster/SessionFailoverClusterTest.java)**
  logs one user in, stops a node in good order, and expects the session on another node. It is a test of one session. Here there are many users who write while it happens, and nodes that get no time to say goodbye.
- **[Jepsen](https://jepsen.io/)** taught the method: generate operations, break the system meanwhile, record a history, and let checkers judge that history alone, with _unknown_
  as a verdict of its own. It judges databases. The checkers here are about sessions: what a browser with two tabs, a logout, or a login sees.

Neither of the first two gives a rate of loss with its interval, or looks at tabs, at sessions that come back, or at requests that are done twice.`

function faultsText(count: number): string {
  return `${n(count)} ${count === 1 ? 'fault' : 'faults'}`
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
}

function n(number: number): string {
  return number.toLocaleString('en-US')
}
