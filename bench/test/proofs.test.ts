import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'ava'
import { strategies } from '@ninelives/lab'
import { nameOf, plans, type Proof, type Proofs, PROOFS_SCHEMA, proveArguments } from '../proofs/proofs.ts'
import { pagesWithTables, strategiesInBrief, strategiesTable, withStrategies } from '../proofs/table.ts'

const proofs = JSON.parse(readFileSync(new URL('../results/strategies.json', import.meta.url), 'utf8')) as Proofs

/** A row's first two cells are a strategy and its routing. */
const ROW = /^\| ([a-z]+) +\| (?:takes turns|by session|cookie affinity) +\|/gm

test('the tables of the strategies in README.md and docs/stores come from the kept proofs', (t) => {
  const shown = new Map<string, number>(strategies.map(({ name }) => [name, 0]))
  for (const page of pagesWithTables()) {
    const text = readFileSync(page, 'utf8')
    t.is(text, withStrategies(text, proofs), `${page}: npm run bench:proofs -- --table makes it again`)
    for (const [, name = ''] of text.matchAll(ROW)) if (shown.has(name)) shown.set(name, (shown.get(name) ?? 0) + 1)
  }
  for (const [name, times] of shown)
    t.is(times, 2, `${name} is in the table of docs/stores/README.md and in that of its page`)
})

test('every strategy is proved, and every fault of its runs landed', (t) => {
  t.is(proofs.schema, PROOFS_SCHEMA)
  t.deepEqual(proofs.proofs.map(nameOf), plans.map(nameOf))
  for (const { faults, ...proof } of proofs.proofs) t.is(faults.missed, 0, nameOf(proof))
})

/** What a strategy lost, in brief: to faults of nodes, and of the store. */
function cellsOf(name: string, given: Proofs): string[] {
  const row = strategiesInBrief(given)
    .split('\n')
    .find((line) => line.startsWith(`| ${name} `))
  return (
    row
      ?.split('|')
      .slice(3, -1)
      .map((cell) => cell.trim()) ?? []
  )
}

test('in brief, a loss is a share of what it is of, and engines that lost the same are told once', (t) => {
  const [first] = proofs.proofs
  assert(first)
  const lost: Proof = { ...first, verdict: 'invalid', sessions: { begun: 1_000, lost: 10 } }
  const of = (...some: Proof[]): Proofs => ({ ...proofs, proofs: some })
  t.deepEqual(
    cellsOf(
      'database',
      of({ ...first, strategy: 'database' }, { ...first, strategy: 'database', database: 'postgres' }),
    ),
    ['nothing', '–'],
  )
  t.deepEqual(
    cellsOf('hybrid', of({ ...lost, strategy: 'hybrid' }, { ...first, strategy: 'hybrid', database: 'postgres' })),
    ['redis: 1 % of sessions; postgres: nothing', '–'],
  )
  t.deepEqual(cellsOf('redis', of({ ...first, strategy: 'redis', verdict: 'unknown' })), ['unknown', '–'])
  for (const { name } of strategies) t.is(cellsOf(name, proofs).length, 2, name)
})

test('a plan names its faults, and a private server of its database', (t) => {
  const plan = plans.find(({ database, broken }) => database === 'mariadb' && broken === 'store')
  assert(plan)
  const given = proveArguments(plan, 'DIR').join(' ')
  t.regex(
    given,
    /^prove --strategy database --database mariadb --faults kill@store,pause@store --kills 20 .*--logs DIR$/,
  )
})

test('a loss is told with what it is of, and other anomalies by their names', (t) => {
  const [first] = proofs.proofs
  assert(first)
  const lossy: Proof = {
    ...first,
    strategy: 'redis',
    verdict: 'invalid',
    sessions: { begun: 1_000, lost: 10 },
    writes: { acknowledged: 5_000, lost: 0 },
    anomalies: [
      { kind: 'lost-session', times: 10 },
      { kind: 'duplicate', times: 2 },
    ],
  }
  const row = (proof: Proof): string =>
    strategiesTable({ ...proofs, proofs: [proof] })
      .split('\n')
      .find((line) => line.startsWith('| redis ')) ?? ''
  t.regex(row(lossy), /\| 10 of 1,000 sessions *\| – *\|$/)
  const doubled = { ...lossy, sessions: { begun: 1_000, lost: 0 } }
  t.regex(row(doubled), /\| lost-session 10 times, duplicate 2 times *\| – *\|$/)
  t.regex(
    row({ ...lossy, verdict: 'unknown', doubts: ['a fault did not land'] }),
    /\| unknown: a fault did not land *\|/,
  )
  t.is(
    strategiesTable(proofs)
      .split('\n')
      .filter((line) => line.startsWith('| ')).length,
    strategies.length + 2,
  )
})
