/** The page of what each strategy survives, from the published results alone. */
import { columns } from '../matrix/columns.ts'
import { boundOf, type Cell, type CellFound, isWrong, type Matrix, outcomesOf, timesOf } from '../matrix/result.ts'
import { KINDS, type Proof, type Proofs } from '../proofs/proofs.ts'
import { ENGLISH, type Words } from './words.ts'

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
  readonly text: 'beforeReplicaWaited'
}[] = [
  {
    row: 'database-postgres',
    column: 'failover',
    before: '2026-11-29T09:39:50Z',
    text: 'beforeReplicaWaited',
  },
]

export function safetyPage({ matrix, proofs, broken }: Published, words: Words = ENGLISH): string {
  const { options, environment, startedAt, rows } = matrix
  const ours = rows.filter(({ role }) => role === 'strategy')
  const others = rows.filter(({ role }) => role !== 'strategy')
  const parts = [
    words.introduction,
    words.method({
      ...options,
      processor: environment.processor,
      node: environment.node.slice(1),
      date: startedAt.slice(0, 10),
    }),
    words.legend(options.faults),
    words.strategiesHead,
    ...ours.map(({ name }) =>
      [`### ${name}`, words.aboutRow(name), findings(name, matrix, words), proofsOf(name, proofs, words)]
        .filter((part) => part !== '')
        .join('\n\n'),
    ),
    words.peersHead,
    ...others.flatMap(({ name, title }) => [`### ${title}`, findings(name, matrix, words)]),
    words.notShown,
    ...(broken === undefined ? [] : [trust(broken, words)]),
    words.priorArt,
  ]
  return `${parts.join('\n\n')}\n`
}

/** In lists; one that would be empty is left out. */
function findings(row: string, { cells, startedAt }: Matrix, words: Words): string {
  const own = columns.flatMap(({ name }) => {
    const cell = cells.find((each) => each.row === row && each.column === name)
    return cell === undefined ? [] : [{ about: words.aboutColumn(name), cell }]
  })
  const of = (kind: Finding): string[] =>
    own.flatMap(({ about, cell }) =>
      findingOf(cell) === kind
        ? [`  - ${[`${about}: ${detailsOf(cell, words)}`, ...notesOf(cell, startedAt, words)].join('; ')}`]
        : [],
    )
  const reasons = Map.groupBy(
    own.filter(({ cell }) => 'impossible' in cell),
    ({ cell }) => ('impossible' in cell ? words.whyNot(whyNot(cell.impossible)) : ''),
  )
  const lists: readonly (readonly [string, readonly string[]])[] = [
    [words.survives, of('survives')],
    [words.doesNotSurvive, of('fails')],
    [words.unproven, of('unproven')],
    [words.canNotHave, [...reasons].map(([why, those]) => `  - ${those.map(({ about }) => about).join('; ')}: ${why}`)],
  ]
  return lists
    .filter(([, lines]) => lines.length > 0)
    .map(([head, lines]) => `- **${head}**\n${lines.join('\n')}`)
    .join('\n')
}

function notesOf({ row, column, measuredAt }: Cell, startedAt: string, words: Words): readonly string[] {
  const atMs = Date.parse(measuredAt ?? startedAt)
  return NOTES.filter((note) => note.row === row && note.column === column && atMs < Date.parse(note.before)).map(
    ({ text }) => words[text],
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

function detailsOf(cell: Cell, words: Words): string {
  if ('impossible' in cell) return cell.impossible
  if ('failed' in cell) return words.didNotRun(cell.failed)
  const { found } = cell
  const outcomes = outcomesOf(cell)
  const isBad = findingOf(cell) === 'fails'
  const { sessions, writes, faults } = found
  const parts = isBad
    ? [
        ...(sessions.lost > 0 ? [words.sessionsLost(sessions.lost, sessions.begun)] : []),
        ...(writes.lost > 0 ? [words.writesLost(writes.lost, writes.acknowledged)] : []),
        ...(outcomes.includes('doubled') ? [words.doneTwice(timesOf(found, 'doubled'))] : []),
        ...(outcomes.includes('wrong') ? [wrongOf(found, words)] : []),
        ...(faults.landed > 0 ? [words.by(faults.landed)] : []),
      ]
    : [kept(found, words)]
  return [...parts, ...failedOf(found, words), ...(findingOf(cell) === 'unproven' ? doubtsOf(found, words) : [])].join(
    '; ',
  )
}

function kept(found: CellFound, words: Words): string {
  const { faults, sessions, writes } = found
  const text = words.nothingLost(sessions.begun, writes.acknowledged)
  return faults.landed === 0 ? text : words.byFaults(text, faults.landed, boundOf(found))
}

function wrongOf({ anomalies }: CellFound, words: Words): string {
  return anomalies
    .filter(({ kind }) => isWrong(kind))
    .map(({ kind, times }) => words.anomaly(kind, times))
    .join(', ')
}

function failedOf({ unserved, operations }: CellFound, words: Words): readonly string[] {
  return unserved === 0 ? [] : [words.failed(unserved, operations)]
}

function doubtsOf({ doubts: [doubt] }: CellFound, words: Words): readonly string[] {
  return doubt === undefined ? [] : [words.inDoubt(doubt)]
}

/** Without the name of the row, which the heading has. */
function whyNot(impossible: string): string {
  if (impossible.includes('there is no edge')) return 'nothing leads to another node or to a store of the lab'
  return impossible.replace(/^[\w-]+: /, '')
}

function proofsOf(row: string, { proofs }: Proofs, words: Words): string {
  const own = proofs.filter((proof) => rowOf(proof) === row)
  if (own.length === 0) return ''
  const lines = own.map((proof) => {
    const { broken, verdict, faults, sessions, writes, anomalies, write, database } = proof
    const kinds = KINDS[broken].join(', ')
    const what = [
      ...(database === undefined || row.endsWith(database) ? [] : [words.over(database)]),
      ...(write === undefined ? [] : [words.withWrite(write)]),
    ]
    const found = anomalies.length === 0 ? '' : `: ${anomalies.map(({ kind, times }) => `${kind} ${times}`).join(', ')}`
    const lost = words.lostInAll([sessions.lost, sessions.begun], [writes.lost, writes.acknowledged])
    return `- ${[...what, `${words.faults(faults.landed)} (${kinds})`].join(', ')}: ${verdict}${found}; ${lost}`
  })
  return [words.proofsHead, lines.join('\n')].join('\n\n')
}

function rowOf({ strategy, database }: Proof): string {
  return strategy === 'database' && database === 'postgres' ? 'database-postgres' : strategy
}

function trust({ broken }: BrokenResult, words: Words): string {
  return words.trust(
    broken.map(({ name, caughtAs, caught, missed }) => [
      name,
      caughtAs,
      words.caught(caught.length, caught.length + missed.length),
    ]),
  )
}
